"""A server that answers with a real small model, as vLLM's does; it can be told to do it wrong."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.servers.json_posts import JsonPosts


class ServingServer(JsonPosts):
    """Answers `/v1/completions` (token ids) and `/v1/chat/completions`; a context manager.

    Args:
        folder: the model's.
        fault: what it does wrong: `adds a token`, `refuses ids`, `refuses one`, `says no usage`,
            `says usage of every other`, `counts one more, one less`, `says texts alone`.
        template: of its chat endpoint, in place of the model's own.
    """

    def __init__(self, folder: Path, fault: str = "", template: str | None = None) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self.fault = fault
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        if template is not None:
            self.tokenizer.chat_template = template
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
        self.bodies: list[dict[str, Any]] = []
        self._one_at_a_time = threading.Lock()
        super().__init__()

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer to one request."""
        with self._one_at_a_time:
            return self._answer(body)

    def _answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.bodies.append(body)
        refused = self.fault == "refuses one" and len(self.bodies) == 2
        if refused or (self.fault == "refuses ids" and "prompt" in body):
            return 400, {"error": {"message": "prompt: expected a string", "code": 400}}
        ids = body.get("prompt") or self.tokenizer.apply_chat_template(
            body["messages"], add_generation_prompt=True, tokenize=True, return_dict=False
        )
        if self.fault == "adds a token":
            ids = [ids[0], *ids]
        choices, said = [], 0
        for index in range(body.get("n", 1)):
            text, reason, tokens = self.generate(ids, body)
            said += len(tokens)
            content = {"text": text} if "prompt" in body else {"message": {"content": text}}
            told = body.get("return_token_ids") and self.fault != "says texts alone"
            ids_too = {"token_ids": tokens} if told else {}
            choices.append({"index": index, **content, "finish_reason": reason, **ids_too})
        answer: dict[str, Any] = {"model": body["model"], "choices": choices}
        odd, counted = len(self.bodies) % 2, len(ids)
        if self.fault == "counts one more, one less":
            counted += 1 if odd else -1
        if self.fault != "says no usage" and not (self.fault == "says usage of every other" and odd):
            answer["usage"] = {"prompt_tokens": counted, "completion_tokens": said}
        return 200, answer

    def generate(self, ids: list[int], body: dict[str, Any]) -> tuple[str, str, list[int]]:
        """One reply: its text, why it ended, and its tokens with that which ended it."""
        import torch

        ends = set(body.get("stop_token_ids", [self.tokenizer.eos_token_id]))
        drawn: dict[str, Any] = {"do_sample": False}
        if body["temperature"]:
            drawn = {
                "do_sample": True,
                "temperature": body["temperature"],
                "top_k": 0,
                "top_p": body["top_p"],
            }
        with torch.inference_mode():
            whole = self.model.generate(
                input_ids=torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.long),
                max_new_tokens=body["max_tokens"],
                eos_token_id=sorted(ends),
                pad_token_id=0,
                **drawn,
            )
        new = whole[0, len(ids) :].tolist()
        end = next((at for at, token in enumerate(new) if token in ends), None)
        text = self.tokenizer.decode(new if end is None else new[:end], skip_special_tokens=True)
        # As vLLM does, which waits for the rest of a character.
        return (
            text.rstrip("\ufffd"),
            "length" if end is None else "stop",
            new[: None if end is None else end + 1],
        )
