class DatagramReceiver:
    """recvmmsg buffers; used from Cython."""

    def __init__(self, capacity: int = 32, datagram_size: int = 2048) -> None: ...

class DatagramSender:
    """sendmmsg queue; used from Cython."""

    def __init__(self, capacity: int = 64) -> None: ...

def resolve_ipv4(host: str) -> str:
    """The dotted quad of a host name. Raises OSError naming the host when it has no IPv4 address."""

def socket_error(code: int, what: str, port: int = 0) -> OSError:
    """The OSError for a negative errno result; for a taken port it names the holder."""
