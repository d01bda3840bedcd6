"""`python -m nomad_tui.standin FILE`: the stand-in server as a program."""

import asyncio
import signal
from pathlib import Path

import click
import zstandard

from nomad_tui.standin import ALL_FRAMES, MANAGEMENT, AtEnd, Options, Release, Server, StandIn, Token, read_lines


class _Repeat(click.ParamType[int | None]):
    name = "N|forever"

    def convert(self, value: str | int | None, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        if value is None or value == "forever":
            return None
        try:
            times = int(value)
        except ValueError:
            times = 0
        if times < 1:
            self.fail(f"{value!r} is neither a number of times from 1 up nor 'forever'", param, ctx)
        return times


class _Lead(click.ParamType[int]):
    name = "N|all"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "all":
            return ALL_FRAMES
        try:
            return int(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number of frames nor 'all'", param, ctx)


class _ClientToken(click.ParamType[tuple[str, Token]]):
    name = "SECRET:NAMESPACE=CAPABILITY+…"

    def convert(
        self, value: str | tuple[str, Token], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Token]:
        if not isinstance(value, str):
            return value
        secret, colon, grants = value.partition(":")
        namespaces: dict[str, frozenset[str]] = {}
        rights = {"node": False, "agent": False, "operator": False}
        for grant in filter(None, grants.split(",")):
            namespace, equals, capabilities = grant.partition("=")
            if equals:
                namespaces[namespace] = frozenset(capabilities.split("+"))
            elif grant.removesuffix(":read") in rights:
                rights[grant.removesuffix(":read")] = True
            else:
                self.fail(f"{grant!r} is neither NAMESPACE=CAPABILITY+… nor node:read, agent:read, operator:read")
        if not (secret and colon):
            self.fail(f"{value!r} is not SECRET:GRANT,GRANT")
        token = Token(
            name="client token",
            policies=("client-policy",),
            namespaces=namespaces,
            node_read=rights["node"],
            agent_read=rights["agent"],
            operator_read=rights["operator"],
        )
        return secret, token


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--port", default=0, help="Port on 127.0.0.1; 0 is any free one.", show_default=True)
@click.option("--unix", type=click.Path(path_type=Path), help="Listen on this Unix socket instead.")
@click.option("--repeat", type=_Repeat(), default=1, help="How often the recording is sent; forever for no end.")
@click.option("--pace", type=click.FloatRange(min=0, min_open=True), help="Frames a second.")
@click.option("--lead", type=_Lead(), default=0, help="Frames published before pace or readers count.")
@click.option("--buffer-size", default=100, help="Frames held.", show_default=True)
@click.option("--from-start", is_flag=True, help="Every reader gets all of the recording.")
@click.option("--at-end", type=click.Choice([end.value for end in AtEnd]), default="stay", help="With --from-start.")
@click.option("--heartbeat", default=30.0, help="Seconds between heartbeats.", show_default=True)
@click.option("--raw", is_flag=True, help="Send lines that are not frames too.")
@click.option("--token", "secrets", multiple=True, help="Turn ACLs on with this management token.")
@click.option(
    "--client-token",
    "client_tokens",
    multiple=True,
    type=_ClientToken(),
    help="Turn ACLs on with this token, such as SECRET:default=read-job+list-jobs,node:read.",
)
@click.option("--no-leader", is_flag=True, help="The cluster has no leader.")
@click.option("--no-publishing", is_flag=True, help="As with enable_event_broker = false.")
@click.option("--first-heartbeat", type=float, help="Seconds until it, and until the headers.")
@click.option("--clock-offset", default=0.0, help="Seconds by which its clock is ahead.", show_default=True)
@click.option("--lingers", default=0.0, help="Seconds until EOF of a refused stream.", show_default=True)
@click.option("--version", default="2.0.6", help="What it says it is.", show_default=True)
@click.option("--namespace", "namespaces", multiple=True, help="A namespace that exists from the start.")
@click.option("--region", default="global", show_default=True)
@click.option("--release", type=click.Choice([each.value for each in Release]), help="Default: by --version.")
@click.option("--protocol", help="In a stream's status line. Default: by --version.")
@click.option("--server", "servers", multiple=True, metavar="NAME=BUILD", help="Another server of the region.")
def main(
    file: Path,
    port: int,
    unix: Path | None,
    repeat: int | None,
    pace: float | None,
    lead: int,
    buffer_size: int,
    from_start: bool,
    at_end: str,
    heartbeat: float,
    raw: bool,
    secrets: tuple[str, ...],
    client_tokens: tuple[tuple[str, Token], ...],
    no_leader: bool,
    no_publishing: bool,
    first_heartbeat: float | None,
    clock_offset: float,
    lingers: float,
    version: str,
    namespaces: tuple[str, ...],
    region: str,
    release: str | None,
    protocol: str | None,
    servers: tuple[str, ...],
) -> None:
    """Serve a recording (.ndjson, .gz, .zst) as a Nomad server until SIGTERM or SIGINT.

    The first line on standard output is the address.
    """
    try:
        lines = read_lines(file)
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise click.ClickException(f"{file} cannot be read as a recording: {error}.") from error
    options = Options(
        port=port,
        unix_path=unix,
        repeat=repeat,
        pace=pace,
        lead=lead,
        buffer_size=buffer_size,
        from_start=from_start,
        at_end=AtEnd(at_end),
        heartbeat=heartbeat,
        raw=raw,
        tokens=dict.fromkeys(secrets, MANAGEMENT) | dict(client_tokens) or None,
        leader=not no_leader,
        publishes=not no_publishing,
        first_heartbeat=first_heartbeat,
        clock_offset=clock_offset,
        lingers=lingers,
        version=version,
        namespaces=namespaces or None,
        region=region,
        release=Release(release) if release is not None else None,
        protocol=protocol,
        other_servers=tuple(
            Server(name, build, region) for name, _, build in (each.partition("=") for each in servers)
        ),
    )
    try:
        asyncio.run(_serve(lines, options))
    except OSError as error:
        raise click.ClickException(f"The stand-in cannot listen there: {error}. Take another place.") from error


async def _serve(lines: list[bytes], options: Options) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with StandIn(lines, options) as server:
        click.echo(server.address)
        await stopped.wait()


if __name__ == "__main__":
    main()
