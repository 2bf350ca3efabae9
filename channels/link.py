"""Connections to other nodes: WebSocket over TLS, in either direction, made again when they are lost.

Certificates are self-signed and checked by nobody: who is at the other end, the handshake finds out (handshake.py).
"""

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.asyncio.client import connect
from websockets.asyncio.connection import Connection as WebSocket
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, WebSocketException

from tandem.channels.wire import MOST_BYTES, Message, decode, encode
from tandem.errors import EncodingError
from tandem.primitives.types import Hash

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two tries to connect: doubled each time."""
SILENCE = 10.0
"""Seconds without an answer to a ping after which a connection is given up."""
CERTIFICATE_LIFE = datetime.timedelta(days=36_500)


class Link:
    """A WebSocket as channels.peer.Connection."""

    def __init__(self, socket: WebSocket, certificate: Hash, is_server: bool) -> None:
        """`certificate`: sha256 of the server's, whichever end this is."""
        self._socket = socket
        self.certificate = certificate
        self.is_server = is_server

    @property
    def place(self) -> str:
        """The host at the other end, as the network has it."""
        address = self._socket.remote_address
        return str(address[0]) if address else ""

    async def send(self, message: Message, /) -> None:
        """One message. ConnectionError when the connection is gone."""
        try:
            await self._socket.send(encode(message))
        except ConnectionClosed as reason:
            raise ConnectionError(str(reason)) from reason

    async def recv(self) -> Message:
        """The next one. ConnectionError also where it is none."""
        try:
            data = await self._socket.recv()
        except ConnectionClosed as reason:
            raise ConnectionError(str(reason)) from reason
        if isinstance(data, str):
            raise ConnectionError("the other side sends text")
        try:
            return decode(data)
        except EncodingError as reason:
            raise ConnectionError(f"the other side sends what is no message: {reason}") from reason

    async def close(self, reason: str) -> None:
        """End it."""
        await self._socket.close(reason=reason[:120])


class Certificate:
    """The server's: made when the folder has none."""

    def __init__(self, folder: Path) -> None:
        files = folder / "node.key", folder / "node.crt"
        if not files[1].exists():
            folder.mkdir(parents=True, exist_ok=True)
            _make(*files)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(files[1], files[0])
        der = x509.load_pem_x509_certificate(files[1].read_bytes()).public_bytes(serialization.Encoding.DER)
        self.hash = Hash(sha256(der).digest())


def _make(key_file: Path, certificate_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tandem channel node")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now).not_valid_after(now + CERTIFICATE_LIFE)
    certificate = builder.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    key_file.touch(mode=0o600)
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=plain)
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


async def listen(host: str, port: int, talk: Callable[[Link], Awaitable[None]], certificate: Certificate) -> Server:
    """Take connections: `talk` has each until it returns."""

    async def handle(socket: ServerConnection) -> None:
        await talk(Link(socket, certificate.hash, is_server=True))

    return await serve(
        handle,
        host,
        port,
        ssl=certificate.context,
        max_size=MOST_BYTES,
        ping_interval=SILENCE,
        ping_timeout=SILENCE,
        compression=None,
    )


async def stay_connected(
    url: str, talk: Callable[[Link], Awaitable[None]], before: Callable[[], Awaitable[None]] | None = None
) -> None:
    """Connect, and again whenever `talk` returns or the connection fails. Ends by what `talk` raises, or cancelled.

    `before`: returns when a connection is wanted.
    """
    log = structlog.get_logger("link").bind(url=url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    pause = FIRST_PAUSE
    while True:
        if before is not None:
            await before()
        try:
            async with connect(
                url,
                ssl=context,
                max_size=MOST_BYTES,
                ping_interval=SILENCE,
                ping_timeout=SILENCE,
                open_timeout=SILENCE,
                compression=None,
                proxy=None,
            ) as socket:
                pause = FIRST_PAUSE
                der = socket.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
                await talk(Link(socket, Hash(sha256(der).digest()), is_server=False))
        except (OSError, WebSocketException, TimeoutError) as reason:
            log.info("not connected", reason=str(reason), retry_in=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
