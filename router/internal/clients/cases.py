"""Runs the cases of the Python client gql against a router.

Prints one JSON line for each: {"name", "ok", "error"}. A case is an async
function whose name begins with "case_"; it fails by raising.
Usage: python cases.py ROUTER_URL [FILTER]
"""

import asyncio
import json
import sys
import traceback

from gql import Client, gql
from gql.transport.aiohttp import AIOHTTPTransport
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.requests import RequestsHTTPTransport
from gql.transport.websockets import WebsocketsTransport

CASE_TIMEOUT = 60
GREETING = gql("query($name: String) { greeting(name: $name) }")


def greet(variables):
    GREETING.variable_values = variables
    return GREETING


async def case_aiohttp(url):
    async with Client(transport=AIOHTTPTransport(url=url), fetch_schema_from_transport=True) as session:
        assert await session.execute(greet({"name": "Ada"})) == {"greeting": "Hello, Ada!"}


async def case_httpx(url):
    async with Client(transport=HTTPXAsyncTransport(url=url)) as session:
        assert await session.execute(greet({"name": "Ada"})) == {"greeting": "Hello, Ada!"}


async def case_requests(url):
    def run():
        with Client(transport=RequestsHTTPTransport(url=url)) as session:
            return session.execute(greet({"name": "Ada"}))

    assert await asyncio.to_thread(run) == {"greeting": "Hello, Ada!"}


async def case_websockets(url):
    transport = WebsocketsTransport(url=url.replace("http", "ws", 1), subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL])
    async with Client(transport=transport) as session:
        got = [r["count"] async for r in session.subscribe(gql("subscription { count(to: 3) }"))]
    assert got == [1, 2, 3]


async def main(url, filter=""):
    for name, case in list(globals().items()):
        if not name.startswith("case_"):
            continue
        result = {"name": "gql/" + name.removeprefix("case_"), "ok": True}
        if filter not in result["name"]:
            continue
        try:
            await asyncio.wait_for(case(url + "/graphql"), CASE_TIMEOUT)
        except Exception:
            result |= {"ok": False, "error": traceback.format_exc()}
        print(json.dumps(result), flush=True)


asyncio.run(main(*sys.argv[1:]))
