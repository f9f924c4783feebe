"""A model whose replies are counted and traced, by OpenTelemetry's conventions for generative AI; never its words."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from agent.domain import Reasoner
from agent.model import Ask, Model, ModelError, Reply
from workflows.telemetry.figures import Figures
from workflows.telemetry.tracing import span


@dataclass(frozen=True)
class WatchedModel:
    """Implements the protocol. reasoner: where the model is, and its name."""

    within: Model
    reasoner: Reasoner
    figures: Figures

    @property
    def window(self) -> int:
        """See the protocol."""
        return self.within.window

    async def reply(self, ask: Ask) -> Reply:
        """See the protocol."""
        with span(f"chat {self.reasoner.name}", kind=SpanKind.CLIENT, attributes=self._asked(ask)) as made:
            try:
                reply = await self.within.reply(ask)
            except ModelError as error:
                self.figures.refused(type(error).__name__)
                raise
            usage = reply.usage
            self.figures.replied(usage, reply.first_s, reply.seconds)
            made.set_attributes(
                {
                    "gen_ai.response.finish_reasons": [reply.finish],
                    "gen_ai.usage.input_tokens": usage.prompt,
                    "gen_ai.usage.output_tokens": usage.completion,
                    "gen_ai.usage.cache_read.input_tokens": usage.cached,
                    "patchwright.model.first_token_seconds": reply.first_s,
                }
            )
            return reply

    def _asked(self, ask: Ask) -> dict[str, str | int | float]:
        place = urlsplit(self.reasoner.url)
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "vllm",
            "gen_ai.request.model": self.reasoner.name,
            "gen_ai.request.temperature": ask.temperature,
            "gen_ai.request.max_tokens": ask.thinking + ask.answer,
            "server.address": place.hostname or "",
            "server.port": place.port or (443 if place.scheme == "https" else 80),
        }
