"""What kind of model a checkpoint holds, read from its config; and the class that loads it.

An image-text checkpoint is loaded whole, with the vision part that it came with, so that what is saved is
again such a checkpoint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthgen.training.gguf import gguf_file

if TYPE_CHECKING:
    from torch.nn import Module
    from transformers import PretrainedConfig, PreTrainedModel

PROCESSOR_FILES = ("processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json")
PROBE = 16  # tokens of the text by which padding is tried
STEPS = 3  # by which it is continued
STATEFUL_LAYERS = frozenset(("conv", "linear_attention", "mamba", "recurrent"))


@dataclass(frozen=True)
class Source:
    """Where a model is read from, and what of it may be run."""

    name: str
    """Hub id or folder."""
    revision: str | None = None
    trust_remote_code: bool = False
    local_only: bool = False

    def arguments(self) -> dict[str, Any]:
        """What `from_pretrained` is called with, beside the name."""
        arguments: dict[str, Any] = {"revision": self.revision, "local_files_only": self.local_only}
        # Only named where it is wanted: classes without remote code do not all take the argument.
        return {**arguments, "trust_remote_code": True} if self.trust_remote_code else arguments


def read_config(source: Source) -> PretrainedConfig:
    """A model's config.

    Raises:
        OSError, ValueError: there is none that transformers can read.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source.name, **source.arguments())
    except (OSError, ValueError, ImportError):
        raise
    except Exception as fault:  # checks of the hub's client and of torch raise kinds of their own
        raise ValueError(" ".join(str(fault).split()) or type(fault).__name__) from fault


def is_image_text(config: PretrainedConfig) -> bool:
    """Whether the checkpoint holds a language model with a vision part."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as known

    named = (getattr(config, "architectures", None) or [""])[0]
    listed = known.get(config.model_type)
    return named in ((listed,) if isinstance(listed, str) else listed or ())


def is_encoder_decoder(config: PretrainedConfig) -> bool:
    """Whether the checkpoint reads a question with one half and answers with another, as T5 does."""
    return bool(getattr(config, "is_encoder_decoder", False))


def reads_both_ways(config: PretrainedConfig) -> bool:
    """Whether a token sees those behind it, as in BERT: such a model would learn to copy the next token."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES as masked

    if getattr(config, "attn_type", None) == "bi":  # XLNet
        return True
    one_way = getattr(config, "is_decoder", False) or getattr(config, "causal", False)
    return config.model_type in masked and not one_way


def model_class(config: PretrainedConfig) -> Any:
    """The class of transformers that the config names; None where there is none, as with remote code."""
    from transformers.models.auto import modeling_auto

    mapping = (
        modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
        if is_image_text(config)
        else modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING
    )
    if type(config) not in mapping:
        return None
    found: Any = mapping[type(config)]
    return found[0] if isinstance(found, tuple | list) else found


def without_weights(config: PretrainedConfig) -> Any:
    """A model of shapes alone; None where its family cannot be made so."""
    import torch

    kind = model_class(config)
    if kind is None:
        return None
    try:
        with torch.device("meta"):
            return kind(config)
    except Exception:  # whatever such a family raises
        return None


def keeps_a_state(config: PretrainedConfig) -> bool:
    """Whether layers carry a state from token to token, as Mamba's do: rows in one sequence would mix."""
    layers = set(getattr(config.get_text_config(), "layer_types", None) or ())
    return bool(getattr(model_class(config), "_is_stateful", False)) or bool(layers & STATEFUL_LAYERS)


def stored_dtype(config: PretrainedConfig, folder: str) -> Any:
    """The dtype that a checkpoint's weights are stored in; float32 where nothing says so."""
    import torch

    named = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    if named is not None:
        return getattr(torch, named) if isinstance(named, str) else named
    kinds = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
    for file in sorted(Path(folder).glob("*.safetensors")):
        with file.open("rb") as handle:
            header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
        for tensor in header.values():
            if tensor.get("dtype") in kinds:
                return kinds[tensor["dtype"]]
    return torch.float32


def load_model(source: Source, config: PretrainedConfig | None = None, **options: Any) -> PreTrainedModel:
    """A checkpoint's model: a causal language model, or an image-text model with its vision part.

    Args:
        source: where it is.
        config: its config, where that was read already.
        **options: for `from_pretrained`, such as dtype.

    Raises:
        OSError, ValueError: it cannot be loaded.
    """
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    config = config or read_config(source)
    loader = AutoModelForImageTextToText if is_image_text(config) else AutoModelForCausalLM
    if packed := gguf_file(Path(source.name)):
        options["gguf_file"] = packed
    model = loader.from_pretrained(source.name, **source.arguments(), **options)
    _name_backbone(model)
    return model


def _name_backbone(model: PreTrainedModel) -> None:
    """Lets TRL's loss find the part below the head where a class names one that it lacks (Llama 4's text)."""
    if model.base_model is model and hasattr(model, "model"):
        model.base_model_prefix = "model"


def language_part(model: PreTrainedModel) -> Module:
    """The part of a model that reads and writes text, without its head."""
    decoder = model.get_decoder() if is_image_text(model.config) else None
    return model if decoder is None else decoder


def freeze_other_parts(model: PreTrainedModel) -> int:
    """Freezes all that text does not pass through, such as a vision part; returns how many weights."""
    if not is_image_text(model.config):
        return 0
    head = model.get_output_embeddings()
    text = {id(weight) for part in (language_part(model), head) if part for weight in part.parameters()}
    others = [weight for weight in model.parameters() if id(weight) not in text]
    for weight in others:
        weight.requires_grad_(False)
    return sum(weight.numel() for weight in others)


def experts_of(config: PretrainedConfig) -> int:
    """How many experts a layer of a mixture has, 0 in other models; families name this number differently."""
    text = config.get_text_config()
    names = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
    return next((int(number) for name in names if (number := getattr(text, name, None))), 0)


def count_experts(model: PreTrainedModel) -> None:
    """Gives a mixture's config the number of experts under the name that TRL reads; see `route_quietly`."""
    text = model.config.get_text_config()
    if experts_of(model.config) and not hasattr(text, "num_experts"):
        text.num_experts = experts_of(model.config)
        text.counted_for_training = True


def route_quietly(model: PreTrainedModel) -> None:
    """Makes a mixture of experts keep its routers' scores to itself: `generate` cannot be asked with them."""
    for config in (model.config, model.config.get_text_config()):
        if getattr(config, "output_router_logits", False):
            config.output_router_logits = False
        if vars(config).pop("counted_for_training", False):
            del config.num_experts


def convert(model: PreTrainedModel, dtype: Any) -> None:
    """Puts weights into another number format, but those that the model's code wants in float32."""
    import torch

    kept = {
        name
        for attribute in ("_keep_in_fp32_modules", "_keep_in_fp32_modules_strict")
        for name in getattr(model, attribute, None) or ()
    }
    with torch.no_grad():
        saved = set(model.state_dict())
        buffers = [(name, buffer) for name, buffer in model.named_buffers() if name in saved]
        for name, weight in [*model.named_parameters(), *buffers]:
            if weight.is_floating_point() and not kept & set(name.split(".")):
                weight.data = weight.data.to(dtype)
    model.config.dtype = dtype


def make_room(model: PreTrainedModel, tokens: int) -> None:
    """Makes the embedding at least as long as the tokenizer; a new row is the mean of the others."""
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    if tokens <= rows:
        return
    model.resize_token_embeddings(tokens, mean_resizing=False)
    with torch.no_grad():
        for part in (model.get_input_embeddings(), model.get_output_embeddings()):
            if part is not None:
                part.weight[rows:] = part.weight[:rows].float().mean(dim=0).to(part.weight.dtype)


def mend_generation_config(model: PreTrainedModel) -> str:
    """Makes generation settings ones that can be saved; returns what was changed, "" where nothing was.

    transformers reads settings that contradict each other, such as a temperature without sampling, but does
    not write them.
    """
    from transformers import GenerationConfig

    settings = model.generation_config
    if _is_valid(settings):
        return ""
    settings.do_sample = True
    if _is_valid(settings):
        return "its generation_config gives settings of sampling without do_sample; the student's has it"
    names = ("bos_token_id", "eos_token_id", "pad_token_id")
    model.generation_config = GenerationConfig(**{name: getattr(settings, name) for name in names})
    return "its generation_config contradicts itself; the student keeps its end tokens only"


def _is_valid(settings: Any) -> bool:
    try:
        settings.validate(strict=True)
    except ValueError:
        return False
    return True


def minds_padding(model: PreTrainedModel) -> bool:
    """Whether what stands left of a text and is masked changes what the model says.

    It does where layers carry a state and do not look at the mask (RWKV), or no longer do once they go on
    from a cache (MiniMax). Such a model is asked one by one. A short text is continued with and without
    padding.
    """
    import torch
    from transformers import GenerationConfig

    if not keeps_a_state(model.config):
        return False
    rows = int(model.get_input_embeddings().weight.shape[0])
    alone = torch.arange(PROBE, 2 * PROBE).remainder(rows)[None].to(model.device)  # [1, tokens]
    padding = torch.zeros_like(alone)
    settings = GenerationConfig(
        max_new_tokens=STEPS,
        min_new_tokens=STEPS,
        do_sample=False,
        use_cache=True,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    with torch.inference_mode():
        said, padded = (
            torch.cat(
                model.generate(input_ids=ids, attention_mask=mask, generation_config=settings).logits
            ).float()  # [steps, tokens of the vocabulary]
            for ids, mask in (
                (alone, torch.ones_like(alone)),
                (torch.cat([padding, alone], 1), torch.cat([padding, torch.ones_like(alone)], 1)),
            )
        )
    rounding = 1e-3 if model.dtype == torch.float32 else 5e-2
    return bool((said - padded).abs().max() > rounding * said.std())


def processor_files(source: Source) -> list[Path]:
    """The files that say how images are read, of a checkpoint in a folder or in the hub's cache."""
    if Path(source.name).is_dir():
        return [file for name in PROCESSOR_FILES if (file := Path(source.name) / name).is_file()]
    from transformers.utils import cached_file

    found = [
        cached_file(
            source.name,
            name,
            revision=source.revision,
            local_files_only=source.local_only,
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_gated_repo=False,
            _raise_exceptions_for_connection_errors=False,
        )
        for name in PROCESSOR_FILES
    ]
    return [Path(file) for file in found if file is not None]
