"""Low-rank adapters on a student: where they are put, what they do not reach, and how they are merged.

`all-linear` is every linear layer of the language part but the head and routers. Left out are layers whose
weights the model's code takes in hand itself, such as `out_proj` of Mamba: an adapter there is passed by.
Experts that are stored as one tensor are no layers; `parameters` names such tensors.

Imports torch: it is imported only once that is known to be there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from synthgen.core.errors import ConfigError
from synthgen.training.architecture import Source, experts_of, is_image_text, language_part, load_model
from synthgen.training.attached import own_weights
from synthgen.training.lora_options import TAKEN_OUT, LoraOptions

if TYPE_CHECKING:
    from peft import LoraConfig
    from transformers import PreTrainedModel

ALL_LINEAR = "all-linear"
START = "first_adapter"  # a folder: adapters before training
NAMED = 4  # kinds of weights that a note names
_TAKEN = re.compile(r"\bself\.(\w+)\.weight\b(?!\.(?:dtype|device|shape))")


def lora_config(model: PreTrainedModel, lora: LoraOptions, new_tokens: Iterable[int] = ()) -> LoraConfig:
    """The adapters of a model, as PEFT takes them.

    Args:
        model: the student, before adapters.
        lora: the options.
        new_tokens: ids of tokens that were added: their rows of the embedding are trained too.

    Raises:
        ConfigError: a target is no module of the model, or an adapter on it would be passed by.
    """
    from peft import LoraConfig

    passed = passed_by(model)
    names = [name for name, _ in model.named_modules()]
    if isinstance(lora.targets, str) and lora.targets != ALL_LINEAR:
        targets: str | list[str] = lora.targets
    else:
        targets = ALL_LINEAR if lora.targets == ALL_LINEAR else list(lora.targets)
        _require(model, names, () if targets == ALL_LINEAR else targets, passed)
    _spare_head(model, targets)
    others = other_parts(model)
    apart = passed | routers(model)
    excluded = [name for name in names if name in apart or any(name.startswith(f"{o}.") for o in others)]
    saved = list(lora.modules_to_save)
    tokens = list(new_tokens)
    rows = {name.rpartition(".")[2]: tokens for name in _token_parts(model)} if tokens else {}
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=targets,
        target_parameters=list(lora.parameters) or None,
        exclude_modules=excluded or None,
        use_rslora=lora.rslora,
        use_dora=lora.dora,
        init_lora_weights=True if lora.init == "default" else lora.init,
        modules_to_save=saved or None,
        trainable_token_indices={name: rows[name] for name in rows if name not in saved} or None,
        task_type="CAUSAL_LM",
    )


def _token_parts(model: PreTrainedModel) -> list[str]:
    """Names of what has a row for each token: the embedding, and the head where it is not the same tensor."""
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    apart = head is not None and head.weight is not embedding.weight
    return [_name_of(model, part) for part in ((embedding, head) if apart else (embedding,))]


def complete_head(model: Any) -> None:
    """Lets TRL's loss read a head whose rows are trained: PEFT's wrapper of it tells no bias."""
    head = model.get_base_model().get_output_embeddings()
    if head is not None and not hasattr(head, "bias"):
        head.bias = None


def _require(
    model: PreTrainedModel, names: list[str], targets: Iterable[str], passed: frozenset[str]
) -> None:
    """Refuses targets that no module has, or on which an adapter would do nothing."""
    for target in targets:
        found = [name for name in names if name == target or name.endswith(f".{target}")]
        if not found:
            layers = (torch.nn.Linear, torch.nn.Embedding)
            known = sorted(
                {
                    name.rpartition(".")[2]
                    for name, module in model.named_modules()
                    if isinstance(module, layers)
                }
            )
            raise ConfigError(
                f"lora: {{targets: …}}: the student has no module {target!r}",
                next=f"it has {', '.join(known)}; or all-linear",
            )
        if all(name in passed for name in found):
            raise ConfigError(
                f"lora: {{targets: …}}: an adapter on {target!r} would do nothing: the code of "
                f"{model.config.model_type} uses that weight directly",
                next="leave it out, or say all-linear",
            )


def _spare_head(model: PreTrainedModel, targets: str | list[str]) -> None:
    """Refuses adapters on the head: TRL's losses read its weights themselves."""
    head = model.get_output_embeddings()
    name = _name_of(model, head) if head is not None else ""
    if isinstance(targets, str):
        aimed = targets != ALL_LINEAR and bool(re.fullmatch(targets, name))
    else:
        aimed = any(name == target or name.endswith(f".{target}") for target in targets)
    if aimed:
        raise ConfigError(
            f"lora: {{targets: …}}: an adapter on {name!r} would do nothing: its weights are read directly",
            next=f"leave it out; lora: {{modules_to_save: [{name.rpartition('.')[2]}]}} trains it whole",
        )


def passed_by(model: PreTrainedModel) -> frozenset[str]:
    """Names of linear layers whose weights the model's code uses without calling the layer."""
    found = set()
    taken_by: dict[type, frozenset[str]] = {}
    for name, module in model.named_modules():
        kind = type(module)
        if kind not in taken_by:
            taken_by[kind] = _taken(kind)
        for child in taken_by[kind]:
            if isinstance(getattr(module, child, None), torch.nn.Linear):
                found.add(f"{name}.{child}" if name else child)
    return frozenset(found)


def routers(model: PreTrainedModel) -> frozenset[str]:
    """Names of the linear layers that choose a mixture's experts.

    What they put out is recorded for the loss that balances experts, and an adapter's layers with it.
    """
    experts = experts_of(model.config)
    return frozenset(
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
        and experts
        and module.out_features == experts
        and name.rpartition(".")[2] in ("router", "gate")
    )


def _taken(kind: type) -> frozenset[str]:
    """Children whose `weight` a module's own methods take, beside those that make it."""
    if kind.__module__.partition(".")[0] == "torch":
        return frozenset()
    taken: set[str] = set()
    for name, method in vars(kind).items():
        if inspect.isfunction(method) and "init" not in name:
            try:
                taken.update(_TAKEN.findall(inspect.getsource(inspect.unwrap(method))))
            except (OSError, TypeError):
                continue
    return frozenset(taken)


def other_parts(model: PreTrainedModel) -> tuple[str, ...]:
    """Names of the modules of an image-text model that text does not pass through."""
    if not is_image_text(model.config):
        return ()
    part = language_part(model)
    inside = _name_of(model, part)
    parents = {inside[:place] for place, letter in enumerate(inside) if letter == "."}
    head = model.get_output_embeddings()
    others = []
    for name, module in model.named_modules():
        if name and name.rpartition(".")[0] in {"", *parents} and name not in {inside, *parents}:
            if module is not head:
                others.append(name)
    return tuple(others)


def _name_of(model: PreTrainedModel, part: Any) -> str:
    return next((name for name, module in model.named_modules() if module is part), "")


def unreached(model: Any) -> dict[str, int]:
    """Weights of a model with adapters that have none: a name for each kind -> how many weights.

    Embeddings, head, norms and frozen other parts are left out: nobody expects an adapter there.
    """
    base = model.get_base_model()
    others = other_parts(base)
    apart = {id(part.weight) for part in base.modules() if isinstance(part, torch.nn.Embedding)}
    apart |= {id(part.weight) for part in (base.get_output_embeddings(),) if part is not None}
    reached = {
        id(weight)
        for module in base.modules()
        if hasattr(module, "lora_A")
        for name, weight in module.named_parameters()
        if "lora_" not in name
    }
    # An expert's adapter wraps the module that holds its tensor; only the named one is reached.
    found: dict[str, int] = {}
    for name, weight in base.named_parameters():
        plain = name.replace(".base_layer", "")
        if weight.dim() < 2 or "lora_" in name or weight.requires_grad or id(weight) in apart:
            continue
        if id(weight) in reached and not _beside_wrapped(base, name):
            continue
        if {"original_module", "token_adapter"} & set(plain.split(".")):
            continue
        if any(plain.startswith(f"{other}.") for other in others):
            continue
        kind = re.sub(r"\.\d+(?=\.|$)", ".*", plain)
        found[kind] = found.get(kind, 0) + weight.numel()
    return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


def _beside_wrapped(base: Any, name: str) -> bool:
    """Whether a tensor's module is wrapped for another of its tensors (`parameters`), not for this one."""
    path, _, own = name.rpartition(".")
    wrapped = set()
    while path.endswith(".base_layer"):
        path = path.removesuffix(".base_layer")
        wrapper = base.get_submodule(path)
        if not hasattr(wrapper, "parameter_name"):
            return False
        wrapped.add(wrapper.parameter_name)
    return bool(wrapped) and own not in wrapped


def reach(model: Any, lora: LoraOptions) -> str:
    """What adapters do not reach, as a person reads it; "" where they reach all that they could."""
    left = unreached(model)
    if not left or lora.targets != ALL_LINEAR:
        return ""
    total = sum(weight.numel() for weight in own_weights(model) if weight.dim() > 1)
    named = ", ".join(list(left)[:NAMED]) + (f" and {len(left) - NAMED} more" if len(left) > NAMED else "")
    experts = [kind.rpartition("*.")[2] for kind in left if "expert" in kind and kind.endswith("_proj")]
    return f"all-linear does not reach {sum(left.values()) / total:.0%} of the weights: {named}" + (
        f" (experts are reached by lora: {{parameters: [{', '.join(experts)}]}})" if experts else ""
    )


def keep_start(model: Any, lora: LoraOptions, work: Path) -> None:
    """Keeps adapters as they start where they take something out of the base; see `save_adapter`."""
    if lora.init in TAKEN_OUT and not (work / START / "adapter_config.json").is_file():
        config = model.peft_config["default"]
        before, config.init_lora_weights = config.init_lora_weights, True
        model.save_pretrained(work / START)
        config.init_lora_weights = before


def save_adapter(model: Any, lora: LoraOptions, work: Path, folder: Path) -> None:
    """Writes adapters that fit the base as it was, whatever they took out of it."""
    if lora.init in TAKEN_OUT:
        model.save_pretrained(folder, path_initial_model_for_weight_conversion=str(work / START))
    else:
        model.save_pretrained(folder)


def merged(model: Any, source: Source | None, adapter: Path, dtype: Any, *, quantized: bool) -> Any:
    """The student with its adapters merged into its weights.

    Args:
        model: with adapters.
        source: where its base is.
        adapter: a folder with the saved adapters.
        dtype: of the weights that a quantized student's adapters are merged into.
        quantized: whether the base was quantized for training: it is then loaded again as it is stored.
    """
    if not quantized or source is None:
        return model.merge_and_unload()
    from peft import PeftModel

    settings, rows = model.get_base_model().generation_config, model.get_input_embeddings().weight.shape[0]
    base = load_model(source, dtype=dtype)
    if base.get_input_embeddings().weight.shape[0] != rows:
        base.resize_token_embeddings(rows, mean_resizing=False)
    base.generation_config = settings
    return PeftModel.from_pretrained(base, adapter).merge_and_unload()
