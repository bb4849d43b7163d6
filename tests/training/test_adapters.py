"""Kinds of adapters: what is published is the base with the adapter that lies beside it."""

import orjson
import pytest

from synthgen.core.errors import ConfigError
from synthgen.evaluation.generation import LocalModel
from tests.stages.sft_bench import Bench, rows
from tests.training.families import family

pytestmark = pytest.mark.slow
ROWS = rows(8)


def adapted(base, folder, student=None, **options):
    lora = {
        "student": {"model": str(base), **(student or {})},
        "method": "lora",
        "completion": "output",
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 1e-2,
    }
    bench = Bench(folder, ROWS, **{**lora, **options})
    bench.outcome = bench.run()
    return bench


def logits(model):
    import torch

    with torch.no_grad():
        return model.eval()(input_ids=torch.arange(8, 40)[None]).logits


@pytest.mark.parametrize(
    "kind",
    [
        {"rslora": True},
        {"dora": True},
        {"init": "pissa"},
        {"init": "olora", "rslora": True},
        {"init": "gaussian", "dropout": 0.1},
        {"modules_to_save": ["lm_head"]},
    ],
    ids=str,
)
def test_the_published_model_is_the_base_with_its_adapter(kind, tmp_path):
    import torch
    from peft import PeftModel

    base = family("llama", tmp_path / "base")
    bench = adapted(base, tmp_path / "bench", lora={"rank": 2, **kind})
    out = bench.folder / "out"
    said = logits(LocalModel(out / "model").model)
    assert torch.allclose(
        said, logits(PeftModel.from_pretrained(LocalModel(base).model, out / "adapter")), atol=1e-3
    )
    assert not torch.allclose(said, logits(LocalModel(base).model), atol=0.05)
    written = orjson.loads((out / "adapter" / "adapter_config.json").read_bytes())
    assert written["use_dora"] is kind.get("dora", False)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_added_tokens_get_rows_that_are_trained(method, tied, tmp_path):
    import torch

    base = family("llama", tmp_path / "base", tie_word_embeddings=tied)
    folder = tmp_path / "bench"
    folder.mkdir()
    made = [{**row, "output": f"<sum> {row['output']}"} for row in ROWS]
    bench = Bench(folder, made)
    bench = adapted(base, folder, {"add_tokens": ["<sum>", "<never>"]}, method=method, lora={"rank": 2})
    student = LocalModel(bench.folder / "out" / "model")
    number = student.tokenizer.convert_tokens_to_ids("<sum>")
    before = LocalModel(base).model.get_input_embeddings().weight
    after = student.model.get_input_embeddings().weight
    assert (len(before), len(after), number) == (262, 264, 262)
    assert student.tokenizer.encode("<sum> 3", add_special_tokens=False)[0] == number
    assert not torch.allclose(after[number], before.mean(dim=0), atol=1e-4)
    if method == "lora":
        assert torch.equal(after[:262], before)
        heads = [model.get_output_embeddings().weight for model in (LocalModel(base).model, student.model)]
        assert not torch.allclose(heads[1][number], heads[0].mean(dim=0), atol=1e-4)
    asked = LocalModel(base, tokenizer=bench.folder / "out" / "model")
    from synthgen.evaluation.generation import Decoding

    prompt = asked.encode([{"role": "user", "content": "<sum>?"}])
    assert number in prompt
    assert len(list(asked.answer([prompt], Decoding(2, 1)))) == 1


def test_what_an_adapter_cannot_be_put_on_is_refused_when_the_student_is_loaded(tmp_path):
    base = family("mamba", tmp_path / "base")
    with pytest.raises(ConfigError, match="would do nothing"):
        adapted(base, tmp_path / "bench", lora={"targets": ["out_proj"]})
    llama = family("llama", tmp_path / "llama")
    for order, head in enumerate((["lm_head"], ".*lm_head")):
        with pytest.raises(
            ConfigError, match="(?s)lm_head' would do nothing.*modules_to_save: .lm_head.. trains"
        ):
            adapted(llama, tmp_path / f"head{order}", lora={"targets": head})
    with pytest.raises(ConfigError, match="carry a state"):
        adapted(base, tmp_path / "packed", packing=True)


def test_all_linear_says_what_it_does_not_reach(tmp_path):
    bench = adapted(family("mamba", tmp_path / "base"), tmp_path / "bench")
    (line,) = [line for line in bench.heard if "does not reach" in line]
    assert "mixer.out_proj" in line and "in_proj" not in line
    assert any("weights are trained" in line for line in bench.heard)
    every = adapted(family("llama", tmp_path / "llama"), tmp_path / "every")
    assert not any("does not reach" in line for line in every.heard)


def test_a_generation_config_that_contradicts_itself_is_mended(tmp_path):
    base = family("llama", tmp_path / "base")
    settings = orjson.loads((base / "generation_config.json").read_bytes())
    (base / "generation_config.json").write_bytes(
        orjson.dumps({**settings, "temperature": 0.6, "top_p": 0.9})
    )
    bench = adapted(base, tmp_path / "bench")
    written = orjson.loads((bench.folder / "out" / "model" / "generation_config.json").read_bytes())
    assert (written["do_sample"], written["temperature"]) == (True, 0.6)
    assert any("do_sample" in line for line in bench.heard)


@pytest.mark.parametrize("name", ["gemma2", "qwen3_moe", "gpt2"])
def test_the_validation_loss_is_that_of_plain_logits(name, tmp_path):
    import torch
    from datasets import Dataset
    from trl.trainer.utils import add_fused_lm_head

    from synthgen.training.validation_loss import losses_by_task

    model = LocalModel(family(name, tmp_path / "m", output_router_logits=name == "qwen3_moe")).model
    made = [[7 + (place * number) % 250 for place in range(5 + number)] for number in range(1, 8)]
    data = Dataset.from_list([{"input_ids": ids, "labels": [-100] * 3 + ids[3:]} for ids in made])
    expected = 0.0
    for ids in made:
        log_probs = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        expected -= sum(log_probs[place - 1, ids[place]].item() for place in range(3, len(ids)))
    (plain,) = losses_by_task(model, data, 0, batch_size=3)
    add_fused_lm_head(model, outputs=("log_probs",))
    (fused,) = losses_by_task(model, data, 0, batch_size=3)
    assert plain.tokens == fused.tokens == sum(len(ids) - 3 for ids in made)
    assert plain.total == pytest.approx(expected, rel=1e-5)
    assert fused.total == pytest.approx(expected, rel=1e-5)


def test_packed_sequences_that_go_one_by_one_make_the_step_of_their_batch(tmp_path, monkeypatch):
    from synthgen.store.jsonl import read_log

    base = family("llama", tmp_path / "base")
    losses = []
    for name in ("apart", "joined"):
        if name == "joined":
            monkeypatch.setattr("synthgen.training.trainer._packs_apart", lambda *_: False)
        bench = adapted(base, tmp_path / name, method="full", packing=True, epochs=2, max_length=256)
        losses.append([entry["loss"] for entry in read_log(bench.folder / "out" / "metrics.jsonl")])
    assert len(losses[0]) > 1
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)
