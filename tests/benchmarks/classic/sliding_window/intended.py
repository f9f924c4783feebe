"""Sender side of a go-back-N link with cumulative acknowledgements."""


class WindowFull(Exception):
    """Raised when a frame has to wait for an acknowledgement."""


class Sender:
    """Numbers the outgoing frames and keeps at most ``size`` of them in flight."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("the window needs room for one frame")
        self.size = size
        self.base = 0
        self.next_number = 0

    def in_flight(self) -> int:
        """Count the frames sent and not yet acknowledged."""
        return self.next_number - self.base

    def send(self) -> int:
        """Send one frame and return its number."""
        if self.in_flight() >= self.size:
            raise WindowFull(f"frames {self.base} to {self.next_number - 1} are in flight")
        number = self.next_number
        self.next_number += 1
        return number

    def acknowledge(self, number: int) -> int:
        """Confirm every frame up to ``number`` and return how many are newly confirmed.

        Acknowledgements of old frames and of frames never sent are ignored.
        """
        if number < self.base or number >= self.next_number:
            return 0
        confirmed = number - self.base + 1
        self.base = number + 1
        return confirmed

    def timeout(self) -> list[int]:
        """Return the numbers of the frames to be sent again."""
        return list(range(self.base, self.next_number))


def replay(size: int, operations: list[tuple[str, int]]) -> list[object]:
    """Run operations on a fresh sender and list what each of them returned."""
    sender = Sender(size)
    results: list[object] = []
    for name, number in operations:
        if name == "send":
            try:
                results.append(sender.send())
            except WindowFull:
                results.append("full")
        elif name == "acknowledge":
            results.append(sender.acknowledge(number))
        else:
            results.append(sender.timeout())
    return results
