"""Who is at the other end of a connection: each side signs the other's nonce together with the server's certificate.

So nobody stands between them: who does shows another certificate (the channel binding tls-server-end-point of RFC
5929), and the signature is over that one.
"""

import asyncio
import os

from channels.link import Link
from tandem.channels.identity import Identity, address_of_public_key
from tandem.channels.signing import BadSignature, check_signature
from tandem.channels.wire import Greeting, Proof
from tandem.errors import EncodingError
from tandem.primitives.hashing import keccak
from tandem.primitives.types import Hash

VERSION = 1
TIMEOUT = 10.0
"""Seconds that it may take."""


async def meet(link: Link, identity: Identity, expected: bytes | None) -> bytes:
    """The other's public key. ConnectionError where it does not show that it is its own, or is not the expected one."""
    own = Greeting(VERSION, identity.public_key, Hash(os.urandom(32)))
    try:
        async with asyncio.timeout(TIMEOUT):
            await link.send(own)
            theirs = await link.recv()
            if not isinstance(theirs, Greeting) or theirs.version != VERSION:
                raise ConnectionError(f"the other side does not speak version {VERSION}")
            await link.send(Proof(identity.sign(_digest(link, own, theirs, link.is_server))))
            proof = await link.recv()
    except TimeoutError as reason:
        raise ConnectionError("the other side does not introduce itself") from reason
    if not isinstance(proof, Proof):
        raise ConnectionError("the other side does not show who it is")
    if expected is not None and theirs.public_key != expected:
        raise ConnectionError(f"it is {theirs.public_key.hex()}, not {expected.hex()}")
    if theirs.public_key == identity.public_key:
        raise ConnectionError("it is this node itself")
    try:
        signer = address_of_public_key(theirs.public_key)
        check_signature(_digest(link, theirs, own, not link.is_server), proof.signature, signer)
    except (BadSignature, EncodingError) as reason:
        raise ConnectionError(f"the other side is not who it says: {reason}") from reason
    return theirs.public_key


def _digest(link: Link, signer: Greeting, other: Greeting, is_server: bool) -> Hash:
    parts = signer.public_key, signer.nonce, other.public_key, other.nonce, link.certificate
    return keccak(b"tandem channels handshake" + bytes([VERSION, is_server]) + b"".join(parts))
