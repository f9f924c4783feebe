"""A traffic light that repeats a fixed cycle of coloured phases."""

PHASES = (("green", 30), ("yellow", 5), ("red", 25))


class TrafficLight:
    """Tells the colour shown at any second since the start of the day."""

    def __init__(
        self,
        phases: tuple[tuple[str, int], ...] = PHASES,
        offset: int = 0,
    ) -> None:
        self.phases = phases
        self.offset = offset
        self.cycle = sum(duration for _, duration in phases)

    def colour_at(self, second: int) -> str:
        """Return the colour shown at ``second``."""
        position = (second + self.offset) % self.cycle
        for colour, duration in self.phases:
            if position < duration:
                return colour
            position -= duration
        raise AssertionError("the phases do not fill the cycle")

    def wait_for(self, colour: str, second: int) -> int:
        """Return how many seconds after ``second`` the colour shows, 0 if it does now."""
        start = 0
        for name, duration in self.phases:
            if name == colour:
                break
            start += duration
        else:
            raise KeyError(colour)
        if self.colour_at(second) == colour:
            return 0
        return (start - second - self.offset) % self.cycle


def colours(offset: int, seconds: list[int]) -> list[str]:
    """Return the colours of a standard light at the given seconds."""
    light = TrafficLight(offset=offset)
    return [light.colour_at(second) for second in seconds]


def waits(offset: int, colour: str, seconds: list[int]) -> list[int]:
    """Return the waiting times for a colour of a standard light."""
    light = TrafficLight(offset=offset)
    return [light.wait_for(colour, second) for second in seconds]
