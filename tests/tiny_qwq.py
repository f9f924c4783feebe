"""Make a miniature of QwQ-32B that a real vLLM serves on a CPU: Qwen2 architecture, its own tokenizer, QwQ's template.

    python tests/tiny_qwq.py OUT <scripts.json

Runs on vLLM's own environment (torch, transformers, tokenizers) and downloads nothing. The weights begin at random;
then the scripts (rows of messages, tools, completion, end) are learnt by heart, so that the server shows chosen
behaviour on command. What it says to anything else is noise.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

END, PAD = "<|im_end|>", "<|endoftext|>"
CONTROL = (PAD, "<|im_start|>", END)
MARKS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
"""Tokens of their own that are text nevertheless: parsers look for them."""
VOCABULARY, POSITIONS, LONGEST = 1536, 40_960, 131_072
STEPS, ENOUGH, RATE, BATCH = 300, 0.005, 3e-3, 5
IGNORED = -100
SAMPLING = {"do_sample": True, "temperature": 0.6, "top_k": 40, "top_p": 0.95, "repetition_penalty": 1.0}
TEMPLATE = """\
{%- macro turn(role, text) %}<|im_start|>{{ role }}
{{ text }}<|im_end|>
{% endmacro -%}
{%- set first = messages[0].content if messages[0].role == 'system' else '' -%}
{%- if tools -%}
<|im_start|>system
{{ first ~ '\n\n' if first }}# Tools

Call functions to help the user. Their signatures stand within <tools></tools>:
<tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>

For each call, return a JSON object within <tool_call></tool_call>:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% elif first -%}
{{ turn('system', first) }}
{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'user' or (message.role == 'system' and not loop.first) -%}
{{ turn(message.role, message.content) }}
{%- elif message.role == 'assistant' -%}
<|im_start|>assistant
{% set said = (message.content or '').split('</think>')[-1].lstrip('\n') -%}
{{ said }}
{%- for call in message.tool_calls or [] -%}
{{ '\n' if said or not loop.first }}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor -%}
<|im_end|>
{% elif message.role == 'tool' -%}
{{ '<|im_start|>user' if loop.first or loop.previtem.role != 'tool' }}
<tool_response>
{{ message.content }}
</tool_response>
{%- if loop.last or loop.nextitem.role != 'tool' %}<|im_end|>
{% endif -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
<think>
{% endif -%}
"""


@dataclass(frozen=True)
class Lesson:
    """One script as tokens: the prompt is given, the completion is learnt."""

    prompt: list[int]
    completion: list[int]


def make_tokenizer(texts: Sequence[str], out: Path) -> Any:
    """A byte-level BPE, digits apart as Qwen has them, learnt from the scripts; saved with QwQ's kind of template."""
    made = Tokenizer(models.BPE())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    size = VOCABULARY - len(MARKS) - len(CONTROL)
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    )
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL])
    made.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKS])
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token=PAD, model_max_length=LONGEST)
    fast.chat_template = TEMPLATE
    fast.save_pretrained(out)
    return AutoTokenizer.from_pretrained(out)


def lessons(rows: Sequence[dict[str, Any]], tokenizer: Any) -> Iterator[Lesson]:
    """Each script in tokens, the prompt through the template as the server does it."""
    for row in rows:
        prompt = tokenizer.apply_chat_template(
            _parsed(row["messages"]), tools=row["tools"], add_generation_prompt=True, tokenize=False
        )
        text = row["completion"] + (END if row["end"] else "")
        yield Lesson(*(tokenizer.encode(part, add_special_tokens=False) for part in (prompt, text)))


def _parsed(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Arguments as objects, which is what the server gives its template."""
    made = json.loads(json.dumps(messages))
    for call in (call for message in made for call in message.get("tool_calls", ())):
        call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return list(made)


def make_model(tokenizer: Any) -> Any:
    """The architecture of QwQ-32B, a hundred thousandth of its size, at random."""
    torch.manual_seed(0)
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in (END, PAD)}
    return Qwen2ForCausalLM(Qwen2Config(
        vocab_size=VOCABULARY, hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=POSITIONS, rope_theta=1e6, rms_norm_eps=1e-5,
        tie_word_embeddings=False, attention_dropout=0.0, bos_token_id=ids[PAD], eos_token_id=ids[END],
    ))  # fmt: skip


def batches(taught: Sequence[Lesson], pad: int) -> Iterator[tuple[Any, Any]]:
    """Lessons of about one length as (inputs, what is to be predicted), so that little is computed for padding."""
    ordered = sorted(taught, key=lambda lesson: len(lesson.prompt) + len(lesson.completion))
    for start in range(0, len(ordered), BATCH):
        part = ordered[start : start + BATCH]
        longest = len(part[-1].prompt) + len(part[-1].completion)
        inputs, wanted = torch.full((len(part), longest), pad), torch.full((len(part), longest), IGNORED)
        for row, lesson in enumerate(part):
            both = torch.tensor(lesson.prompt + lesson.completion)
            inputs[row, : len(both)] = both
            wanted[row, len(lesson.prompt) : len(both)] = both[len(lesson.prompt) :]
        yield inputs[:, :-1], wanted[:, 1:]


def learn(model: Any, taught: Sequence[Lesson], pad: int) -> float:
    """Until the scripts are known by heart; returns the last loss, per token."""
    parts = list(batches(taught, pad))
    size = sum(int((wanted != IGNORED).sum()) for _, wanted in parts)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    loss = 0.0
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 20) * max(0.05, 1 - step / STEPS)
        optimizer.zero_grad()
        loss = 0.0
        for inputs, wanted in parts:
            places = (wanted != IGNORED).nonzero(as_tuple=True)
            logits = model.lm_head(model.model(input_ids=inputs).last_hidden_state[places])
            part = torch.nn.functional.cross_entropy(logits, wanted[places], reduction="sum") / size
            part.backward()
            loss += part.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if loss < ENOUGH:
            break
    return loss


def make(out: Path, rows: Sequence[dict[str, Any]]) -> str:
    """All files of the model in `out`; returns a line about it."""
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    texts = [TEMPLATE, *(json.dumps(row["messages"]) + json.dumps(row["tools"]) + row["completion"] for row in rows)]
    tokenizer = make_tokenizer(texts, out)
    taught = list(lessons(rows, tokenizer))
    model = make_model(tokenizer)
    loss = learn(model, taught, tokenizer.pad_token_id)
    model.to(torch.bfloat16).save_pretrained(out)
    sampling = {**SAMPLING, "eos_token_id": [tokenizer.eos_token_id, tokenizer.pad_token_id]}
    (out / "generation_config.json").write_text(json.dumps(sampling), encoding="ascii")
    size = sum(parameter.numel() for parameter in model.parameters())
    return f"{len(taught)} scripts, {size:,} weights, loss {loss:.4f}, {time.monotonic() - began:.0f} s"


if __name__ == "__main__":
    sys.stdout.write(make(Path(sys.argv[1]), json.load(sys.stdin)) + "\n")
