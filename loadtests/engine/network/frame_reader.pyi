from collections.abc import Callable

class FrameReader:
    size: int
    lag: float
    latest: float

    def __init__(
        self,
        fd: int,
        on_read: Callable[[bytes, list[tuple[int, int, bytes]], float], None],
        on_error: Callable[[OSError], None],
    ) -> None: ...
    def expect(
        self, before: bytes, after: bytes, latest: float, limit: float, calibration: tuple[int, float, float]
    ) -> None: ...
    def take(self) -> tuple[list[str], list[float]]: ...
    def close(self) -> None: ...
    def on_readable(self) -> None: ...
