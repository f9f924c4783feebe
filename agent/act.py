"""The ONE bounded loop between a model and its tools.

    while nothing is spent: ask, run the calls, show their results and what is left of the budget

Messages are only ever appended, so that a server's prefix cache hits; when the window is full, old results are left
out once. A call made again is answered from the record, with a nudge. Three turns without anything new are the end:
the final answer is then asked for without tools. Tokens are reserved before they are spent, so that branches that
share an account cannot overdraw it together.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agent.bench import Hands
from agent.domain import Reasoner
from agent.mind import Mind
from agent.model import Ask, ContextOverflow, Message, Reply, ToolCall, ToolSpec, Usage
from tools.toolbox.using import Used

STUCK = 3
NUDGES = 2
FINAL_ANSWER = 1024
KEPT_RESULTS = 3
SHOWN_EVERY, SHOWN_BELOW = 4, 0.5
CHARACTERS_PER_TOKEN = 3.2
LEFT_OUT = "[left out to save space; make the call again to see its result]"
_FINAL = "{why} No more tools can be used. Give your final answer now, in the form that was asked for."
_WHY = {
    "tokens": "The token budget is spent.", "steps": "All steps are used.",
    "sandbox": "The time for running things is used up.", "stuck": "You repeat yourself.",
}  # fmt: skip
_LATE = {"seconds": "The time is used up.", "sandbox": _WHY["sandbox"]}
_UNUSED = "ERROR: this call was not made. {why}"


@dataclass
class Account:
    """What all branches of a run share. tokens: still to be spent; began: by the same clock as `now`, in seconds."""

    reasoner: Reasoner
    tokens: int
    now: Callable[[], float]
    wall_s: float
    sandbox_s: float = 0.0
    _reserved: int = 0
    _began: float = field(default=0.0)

    def __post_init__(self) -> None:
        self._began = self.now()

    @property
    def free(self) -> int:
        """Tokens that are neither spent nor reserved by a request that is under way."""
        return self.tokens - self._reserved

    @property
    def left_s(self) -> float:
        return max(0.0, self.wall_s - (self.now() - self._began))

    def reserve(self, tokens: int) -> None:
        """Set tokens aside for a request."""
        self._reserved += tokens

    def settle(self, reserved: int, usage: Usage) -> None:
        """A request has ended."""
        self._reserved -= reserved
        self.tokens -= usage.total


@dataclass(frozen=True)
class Task:
    """branch: its name in the record; check: what to tell a model that ends without having done it, "" when it has."""

    branch: str
    system: str
    prompt: str
    tools: tuple[ToolSpec, ...]
    temperature: float
    seed: int | None
    check: Callable[[str], Awaitable[str]]


@dataclass(frozen=True)
class Acted:
    """text: the final answer, "" when none could be had; stopped: "answered", or what was spent."""

    text: str
    steps: int
    usage: Usage
    sandbox_s: float
    stopped: str


async def act(mind: Mind, hands: Hands, task: Task, account: Account) -> Acted:
    """Let the model work on the task to its final answer or the end of a limit. Raises ModelError."""
    return await _Branch(mind, hands, task, account).run()


class _Branch:
    """One conversation."""

    def __init__(self, mind: Mind, hands: Hands, task: Task, account: Account) -> None:
        self._mind, self._hands, self._task, self._account = mind, hands, task, account
        self._messages = [Message(role="system", text=task.system), Message(role="user", text=task.prompt)]
        self._results: dict[str, tuple[int, str]] = {}
        self._usage = Usage()
        self._counted = (0, 0)
        self._sandbox_s = 0.0
        self._step = self._version = self._idle = self._nudged = self._number = 0

    async def run(self) -> Acted:
        while True:
            stop = self._mind.halt(self._task.branch, self._step, self._spent())
            if stop:
                return await self._final(stop)
            reply = await self._ask(self._task.tools, self._thinking(), self._account.reasoner.answer)
            self._step += 1
            if not reply.calls and not await self._nudge(reply):
                return self._acted(reply.text, "answered")
            if reply.calls:
                await self._use(reply)

    def _acted(self, text: str, stopped: str) -> Acted:
        return Acted(text, self._step, self._usage, round(self._sandbox_s, 3), stopped)

    def _spent(self) -> str:
        """What is spent, if anything; the last tokens are kept for a final answer."""
        account, reasoner = self._account, self._account.reasoner
        prompt = self._prompt_tokens()
        final = prompt + 2 * FINAL_ANSWER
        spent = {
            "overdrawn": account.free < final,
            "seconds": account.left_s <= 1.0,
            "tokens": account.free < prompt + min(FINAL_ANSWER, reasoner.thinking) + reasoner.answer + final,
            "steps": self._step >= reasoner.steps,
            "sandbox": account.sandbox_s >= reasoner.sandbox_s,
            "stuck": self._idle >= STUCK,
        }
        return next((name for name, reached in spent.items() if reached), "")

    def _thinking(self) -> int:
        """The cap of this turn's thinking: what was set, or what is left of tokens, and of seconds at this pace."""
        account, reasoner, prompt = self._account, self._account.reasoner, self._prompt_tokens()
        spare = account.free - 2 * prompt - reasoner.answer - 2 * FINAL_ANSWER
        if self._mind.pace:
            spare = min(spare, int(account.left_s * self._mind.pace) - reasoner.answer)
        return min(reasoner.thinking, max(FINAL_ANSWER, spare))

    async def _final(self, stop: str) -> Acted:
        """The forced answer, without tools, where there are tokens and seconds for it."""
        if stop not in _WHY:
            return self._acted("", stop)
        self._messages.append(Message(role="user", text=_FINAL.format(why=_WHY[stop])))
        reply = await self._ask((), FINAL_ANSWER, FINAL_ANSWER)
        return self._acted(reply.text, stop)

    async def _ask(self, tools: tuple[ToolSpec, ...], thinking: int, answer: int) -> Reply:
        self._compact(thinking + answer)
        try:
            reply = await self._request(tools, thinking, answer)
        except ContextOverflow:
            if not self._leave_out():
                raise
            reply = await self._request(tools, thinking, answer)
        text = reply.text or ("" if reply.calls else "(no answer)")
        self._messages.append(Message(role="assistant", text=text, calls=reply.calls))
        return reply

    async def _request(self, tools: tuple[ToolSpec, ...], thinking: int, answer: int) -> Reply:
        account, reserved = self._account, self._prompt_tokens() + thinking + answer
        ask = Ask(
            messages=tuple(self._messages), tools=tools, branch=self._task.branch, step=self._step,
            temperature=self._task.temperature, seed=self._task.seed, thinking=thinking, answer=answer,
            wall_s=max(1.0, account.left_s),
        )  # fmt: skip
        account.reserve(reserved)
        usage = Usage()
        try:
            reply = await self._mind.ask(ask)
            usage = reply.usage
        finally:
            account.settle(reserved, usage)
        self._usage = self._usage.plus(usage)
        if reply.context:
            self._counted = (reply.context, self._size())
        return reply

    async def _nudge(self, reply: Reply) -> bool:
        """Tell the model that this is no answer yet, twice at most; False when it is one, or is taken for one."""
        cut = "Your reply was cut off. Be brief." if reply.finish in ("length", "repetition") else ""
        missing = cut or ("" if reply.text else "You said nothing.") or await self._task.check(reply.text)
        if not missing or self._nudged >= NUDGES:
            return False
        self._nudged += 1
        self._messages.append(Message(role="user", text=missing, note=self._budget()))
        return True

    async def _use(self, reply: Reply) -> None:
        before, stop = len(self._results), ""
        for place, call in enumerate(reply.calls, 1):
            stop = stop or self._late(place)
            text = _UNUSED.format(why=_LATE[stop]) if stop else await self._result(call)
            note = self._budget() if place == len(reply.calls) else ""
            self._messages.append(Message(role="tool", call=call.id, text=text, note=note))
        self._idle = 0 if len(self._results) > before else self._idle + 1

    def _late(self, place: int) -> str:
        """Why a call of a reply is not made: the ones before it, which may take minutes each, have used up a limit."""
        if place == 1:
            return ""
        account = self._account
        used_up = "sandbox" if account.sandbox_s >= account.reasoner.sandbox_s else ""
        return self._mind.halt(
            f"{self._task.branch} call {place}", self._step, "seconds" if account.left_s <= 1.0 else used_up
        )

    async def _result(self, call: ToolCall) -> str:
        if call.problem:
            shape = json.dumps({"name": call.name or "TOOL", "arguments": {"ARGUMENT": "VALUE"}})
            return f"ERROR: this call could not be read, {call.problem}. Write it anew as {shape}"
        name = f"{self._version} {call.name} {json.dumps(call.arguments, sort_keys=True)}"
        if name in self._results:
            return self._again(name)
        self._number += 1
        used = await self._hands.use(self._number, call.name, call.arguments)
        self._pay(used)
        if used.changed:
            self._version += 1
        self._results[name] = (self._step, used.text)
        return used.text

    def _again(self, name: str) -> str:
        """A call that was made before, with nothing changed since: told so; shown again when it was left out."""
        step, text = self._results[name]
        told = f"You made this very call in step {step}, and nothing has changed since"
        visible = any(message.text == text for message in self._messages if message.role == "tool")
        return f"[{told}: its result stands above. Do something else.]" if visible else f"[{told}. It was:]\n{text}"

    def _pay(self, used: Used) -> None:
        self._sandbox_s += used.sandbox_s
        self._account.sandbox_s += used.sandbox_s

    def _budget(self) -> str:
        """What is left, every few turns; in every turn once half of something is spent."""
        account = self._account
        limits = account.reasoner
        shares = (1 - self._step / limits.steps, account.free / limits.tokens, account.left_s / account.wall_s,
                  1 - account.sandbox_s / limits.sandbox_s)  # fmt: skip
        if min(shares) > SHOWN_BELOW and self._step % SHOWN_EVERY:
            return ""
        steps = limits.steps - self._step
        runs = max(0.0, limits.sandbox_s - account.sandbox_s)
        tokens = max(0, account.free) // 1000
        scarce = f", {runs:.0f} s of runs" if runs < account.left_s else ""
        return f"[left: {steps} steps, {tokens}k tokens, {account.left_s:.0f} s{scarce}]"

    def _prompt_tokens(self) -> int:
        """Tokens of the next prompt: what the server counted last time, and an estimate of what was added since."""
        counted, size_then = self._counted
        return max(0, counted + int((self._size() - size_then) / CHARACTERS_PER_TOKEN))

    def _size(self) -> int:
        """Characters of messages and tools, with some for what a template puts around each."""
        said = sum(len(m.text) + len(m.note) + sum(len(str(c.arguments)) for c in m.calls) for m in self._messages)
        tools = sum(len(json.dumps(tool.parameters)) + len(tool.description) for tool in self._task.tools)
        return said + tools + 24 * len(self._messages)

    def _compact(self, reply: int) -> None:
        """Leave old results out when the window would otherwise be full."""
        if self._prompt_tokens() + reply > self._mind.window:
            self._leave_out()

    def _leave_out(self) -> bool:
        """Replace all but the last results; whether anything was left out."""
        results = [index for index, message in enumerate(self._messages) if message.role == "tool"]
        old = [i for i in results[:-KEPT_RESULTS] if len(self._messages[i].text) > len(LEFT_OUT)]
        for index in old:
            self._messages[index] = self._messages[index].model_copy(update={"text": LEFT_OUT})
        return bool(old)
