"""Multipart bodies written by hand, for what no well-behaved client sends."""

MULTIPART = "multipart/form-data; boundary=X"
END = b"--X--\r\n"


def file_part(field: str, content: bytes, name: str = "a.png") -> bytes:
    """Return a part that carries a file, under exactly this name."""
    head = f'--X\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode("utf-8", "surrogateescape") + content + b"\r\n"


def text_part(field: str, text: str = "x") -> bytes:
    """Return a part that carries a text."""
    return f'--X\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
