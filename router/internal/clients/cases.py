"""Runs the cases of the Python clients gql and mcp against a router.

Prints one JSON line for each: {"name", "ok", "error"}. A case is an async
function whose name is "case_", the client, "__" and what it does; it fails by
raising.
Usage: python cases.py ROUTER_URL [FILTER]
"""

import asyncio
import json
import sys
import traceback

import jsonschema
import mcp
import requests
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


async def case_gql__aiohttp(url):
    async with Client(transport=AIOHTTPTransport(url=url), fetch_schema_from_transport=True) as session:
        assert await session.execute(greet({"name": "Ada"})) == {"greeting": "Hello, Ada!"}


async def case_gql__httpx(url):
    async with Client(transport=HTTPXAsyncTransport(url=url)) as session:
        assert await session.execute(greet({"name": "Ada"})) == {"greeting": "Hello, Ada!"}


async def case_gql__requests(url):
    def run():
        with Client(transport=RequestsHTTPTransport(url=url)) as session:
            return session.execute(greet({"name": "Ada"}))

    assert await asyncio.to_thread(run) == {"greeting": "Hello, Ada!"}


async def case_gql__websockets(url):
    transport = WebsocketsTransport(url=url.replace("http", "ws", 1), subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL])
    async with Client(transport=transport) as session:
        got = [r["count"] async for r in session.subscribe(gql("subscription { count(to: 3) }"))]
    assert got == [1, 2, 3], got


def agent(url, mode):
    return mcp.Client(url.replace("/graphql", "/mcp"), mode=mode)


async def tools_of(client):
    return {tool.name: tool for tool in (await client.list_tools()).tools}


async def calls(url, mode):
    """call_tool raises if a result does not conform to the output schema of its tool."""
    async with agent(url, mode) as client:
        tools = await tools_of(client)
        assert list(tools) == ["Fail", "Greet", "Library", "Newest", "Release"], list(tools)
        for tool in tools.values():
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        reads, writes = tools["Greet"].annotations, tools["Release"].annotations
        assert (reads.read_only_hint, reads.idempotent_hint, reads.destructive_hint) == (True, True, False), reads
        assert (writes.read_only_hint, writes.idempotent_hint, writes.destructive_hint) == (False, False, True), writes

        greeting = await client.call_tool("Greet", {"name": "Ada"})
        assert greeting.structured_content == {"greeting": "Hello, Ada!"} and not greeting.is_error, greeting
        for variables, rated in ({}, True), ({"rated": False}, False):
            library = await client.call_tool("Library", variables)
            assert ("rating" in library.structured_content["library"]) == rated, library
            assert library.structured_content["library"]["shelves"] == [["1", "2"], None], library

        partial = await client.call_tool("Newest", {})
        assert partial.is_error and "the newest one is lent" in partial.content[0].text, partial
        assert partial.structured_content == {"library": {"name": "Central", "newest": None}}, partial
        jsonschema.validate(partial.structured_content, tools["Newest"].output_schema)
        refused = await client.call_tool("Greet", {"name": 1})
        assert refused.is_error and "BAD_USER_INPUT" in refused.content[0].text and refused.structured_content is None, refused
        try:
            await client.call_tool("Unknown", {})
            raise AssertionError("an unknown tool was called")
        except mcp.MCPError as error:
            assert "unknown tool" in str(error), error


async def case_mcp__calls(url):
    await calls(url, "auto")


async def case_mcp__calls_with_a_session(url):
    await calls(url, "legacy")


async def case_mcp__tools_follow_the_documents(url):
    with open("testdata/documents.json", encoding="utf-8") as file:
        documents = json.load(file)

    async def replace(list):
        await asyncio.to_thread(requests.post, url.replace("/graphql", "/documents"), json=documents | {"operations": list})

    async with agent(url, "auto") as client:
        assert "New" not in await tools_of(client)
        async with client.listen(tools_list_changed=True) as changes:
            await replace([*documents["operations"], {"id": "new", "name": "New", "type": "query", "body": 'query New { greeting(name: "Ada") }'}])
            async for _ in changes:
                if "New" in await tools_of(client):
                    break
        assert (await client.call_tool("New", {})).structured_content == {"greeting": "Hello, Ada!"}
    await replace(documents["operations"])


async def case_mcp__schemas_refuse_other_data(url):
    """An output schema is not so wide that everything conforms."""
    async with agent(url, "auto") as client:
        tools = await tools_of(client)
        data = (await client.call_tool("Library", {})).structured_content
        schema = jsonschema.Draft202012Validator(tools["Library"].output_schema)
        assert schema.is_valid(data)
        for change in (
            lambda o: o.pop("name"), lambda o: o.update(name=None), lambda o: o.update(visitors="12"), lambda o: o.update(visitors=1.5),
            lambda o: o.update(genres=["CRIME"]), lambda o: o.update(genres=[None]), lambda o: o.update(shelves=[[None]]), lambda o: o.update(other=1),
            lambda o: o["media"][0].pop("pages"), lambda o: o["media"][2].update(pages=1), lambda o: o["media"][0].update(__typename="Film"),
            lambda o: o["best"].update(pages=1),
        ):
            other = json.loads(json.dumps(data))
            change(other["library"])
            assert not schema.is_valid(other), other


async def main(url, filter=""):
    for name, case in list(globals().items()):
        if not name.startswith("case_"):
            continue
        result = {"name": name.removeprefix("case_").replace("__", "/"), "ok": True}
        if filter not in result["name"]:
            continue
        try:
            await asyncio.wait_for(case(url + "/graphql"), CASE_TIMEOUT)
        except Exception:
            result |= {"ok": False, "error": traceback.format_exc()}
        print(json.dumps(result), flush=True)


asyncio.run(main(*sys.argv[1:]))
