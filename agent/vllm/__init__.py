"""QwQ-32B on vLLM, and other thinking models behind OpenAI-compatible servers: the one home of all their faults."""
