"""Explaining a server that responds with 200 and nothing else, by asking further endpoints."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from nomad_tui.config.connection import Connection
from nomad_tui.core.permissions import Permissions
from nomad_tui.core.subscription import Subscription
from nomad_tui.nomad import inquiry
from nomad_tui.nomad.client import Client
from nomad_tui.nomad.diagnose import Kind, NomadError, Trouble, refusal
from nomad_tui.nomad.inquiry import (
    PROBING_PATIENCE,
    Findings,
    missing_permissions,
    unknown_namespace,
    why_refused,
    why_silent,
)
from nomad_tui.nomad.questions import TokenInfo, TokenKind
from nomad_tui.standin import MANAGEMENT, Options, Release, StandIn, Token
from tests.faulty_servers import answer, buffering_proxy, faulty_server

ADMIN = "00000000-0000-4000-8000-00000000000a"
READER = "00000000-0000-4000-8000-00000000000b"
UNKNOWN = "00000000-0000-4000-8000-00000000ffff"
SIGNED = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJqb2IifQ.c2lnbmVk"

EVERYTHING = Subscription()
READ_JOB = frozenset({"read-job"})


def a_token(expires: datetime | None = None, **namespaces: frozenset[str]) -> Token:
    return Token(name="ci", policies=("readers",), namespaces=namespaces, expires=expires)


async def found(
    options: Options,
    subscription: Subscription = EVERYTHING,
    namespace: str = "*",
    *,
    patience: float = PROBING_PATIENCE,
    **settings: str,
) -> Findings:
    """Return the findings about a subscription that the stand-in refuses."""
    async with asyncio.timeout(60), StandIn(options=options) as server:
        environ = {"NOMAD_ADDR": server.address, "NOMAD_NAMESPACE": namespace, **settings}
        connection = Connection.from_environment({}, environ)
        async with Client(connection) as client:
            return await why_refused(client, subscription, refusal(connection), patience=patience)


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("options", "settings", "kind", "account", "remedy"),
    [
        pytest.param(
            {"region": "europe", "other_regions": ("asia",)},
            {"NOMAD_REGION": "mars"},
            Kind.REGION_UNKNOWN,
            "does not know the region mars: its regions are asia and europe.",
            "Set NOMAD_REGION (--region) to one of them",
            id="region unknown, with those that exist",
        ),
        pytest.param(
            {"tokens": {ADMIN: MANAGEMENT}},
            {"NOMAD_TOKEN": "not-a-uuid"},
            Kind.AUTHENTICATION,
            "the token is malformed: a Secret ID is a UUID of 36 characters",
            "the Secret ID as `nomad acl token create`",
            id="token malformed",
        ),
        pytest.param(
            {"tokens": {ADMIN: MANAGEMENT}},
            {"NOMAD_TOKEN": UNKNOWN},
            Kind.AUTHENTICATION,
            "the token is unknown: deleted, or another cluster's",
            "NOMAD_TOKEN (or --token, --token-file) to one of this cluster",
            id="token unknown",
        ),
        pytest.param(
            {"tokens": {READER: a_token(expires=datetime.now(UTC) - timedelta(hours=1))}},
            {"NOMAD_TOKEN": READER},
            Kind.AUTHENTICATION,
            "the token has expired",
            "a new one, from `nomad login`",
            id="token expired",
        ),
        pytest.param(
            {"tokens": {ADMIN: MANAGEMENT}, "says_why_not": False},
            {"NOMAD_TOKEN": UNKNOWN},
            Kind.AUTHENTICATION,
            "the token is unknown: expired, deleted, or another cluster's",
            "one that `nomad acl token self` accepts",
            id="token unknown or expired, on servers that do not say which",
        ),
        pytest.param(
            {"publishes": False},
            {},
            Kind.PUBLISHING_DISABLED,
            "publishes no events: its configuration has enable_event_broker = false",
            "Set enable_event_broker = true in its server block",
            id="event publishing disabled",
        ),
        pytest.param(
            {"leader": False},
            {},
            Kind.NO_LEADER,
            "the cluster has no leader",
            "Check `nomad server members`",
            id="no leader",
        ),
        pytest.param(
            {"tokens": {ADMIN: MANAGEMENT}},
            {},
            Kind.PERMISSION,
            "A request without a token (anonymous) may read none of these topics: it may not read Allocation",
            "NOMAD_TOKEN (or --token, --token-file) to a management token",
            id="no token where one is needed",
        ),
    ],
)
async def test_why_a_subscription_is_refused(
    release: Release, options: dict[str, object], settings: dict[str, str], kind: Kind, account: str, remedy: str
) -> None:
    findings = await found(Options(release=release, **options), **settings)  # type: ignore[arg-type]
    diagnosis = findings.trouble
    assert (diagnosis.kind, findings.permissions) == (kind, None), diagnosis.sentence
    assert account in diagnosis.summary
    assert remedy in diagnosis.remedy
    assert diagnosis.sentence.isprintable()


async def test_disabled_publishing_is_not_mistaken_for_a_token_without_access_to_the_configuration() -> None:
    for token, subscription in (
        (a_token(default=READ_JOB), EVERYTHING),
        (Token(name="ci", node_read=True), Subscription.parse(["Node"])),
        (MANAGEMENT, EVERYTHING),
    ):
        hidden = Token(name=token.name, management=token.management, namespaces=token.namespaces, node_read=True)
        diagnosis = (
            await found(Options(publishes=False, tokens={READER: hidden}), subscription, NOMAD_TOKEN=READER)
        ).trouble
        assert diagnosis.kind is Kind.PUBLISHING_DISABLED, diagnosis.sentence
        assert "Set enable_event_broker = true" in diagnosis.remedy


async def test_an_old_server_reports_disabled_publishing_itself() -> None:
    options = Options(publishes=False, tokens={READER: a_token(default=READ_JOB)}, release=Release.OLD)
    diagnosis = (await found(options, namespace="default", NOMAD_TOKEN=READER)).trouble
    assert diagnosis.kind is Kind.PUBLISHING_DISABLED
    assert "it said 'EventBroker not configured'" in diagnosis.why


async def test_a_client_agent_does_not_report_publishing_and_is_still_asked() -> None:
    options = Options(client_agent=True, tokens={READER: a_token(default=READ_JOB)})
    findings = await found(options, Subscription.parse(["Job", "Node"]), "default", NOMAD_TOKEN=READER)
    assert findings.permissions == Permissions(("default",), {"Job": frozenset({"default"}), "Node": frozenset()})


# Permissions of a token


async def test_a_token_for_some_topics_gets_those_and_a_list_of_missing_capabilities() -> None:
    options = Options(tokens={READER: a_token(default=READ_JOB)})
    findings = await found(options, Subscription.parse(["Job", "Node", "ACLToken"]), "default", NOMAD_TOKEN=READER)
    assert findings.permissions is not None
    assert findings.permissions.topics_in("default") == {"Job"}
    assert findings.trouble.summary == (
        "The token 'ci' (policy readers) may read only some of these topics: "
        "it may not read Node (needs node:read) and ACLToken (needs a management token)."
    )
    assert findings.trouble.remedy == (
        "Set NOMAD_TOKEN (or --token, --token-file) to a management token, "
        'grant it `node { policy = "read" }` for the rest, or subscribe to fewer topics (--topic)'
    )
    assert findings.trouble.policy == 'node {\n  policy = "read"\n}'


async def test_a_missing_capability_is_reported_with_its_namespace_and_policy() -> None:
    options = Options(tokens={READER: a_token(web=READ_JOB)}, namespaces=("web", "payments"))
    findings = await found(options, Subscription.parse(["Job", "Allocation"]), "payments", NOMAD_TOKEN=READER)
    assert findings.permissions is None
    assert findings.trouble.sentence == (
        "The token 'ci' (policy readers) may read none of these topics: "
        "it may not read Allocation and Job (need read-job in namespace payments). "
        'Grant it `namespace "payments" { capabilities = ["read-job"] }`, '
        "use a token that has it, or subscribe to fewer topics (--topic)."
    )


async def test_each_namespace_is_tried_if_all_together_are_refused() -> None:
    token = Token(name="ci", namespaces={"web": READ_JOB, "payments": frozenset({"list-jobs"})}, node_read=True)
    options = Options(tokens={READER: token}, namespaces=("web", "payments", "secret"))
    findings = await found(options, NOMAD_TOKEN=READER)
    assert findings.permissions is not None
    assert findings.permissions.namespaces == ("payments", "web")  # those visible to the token
    assert findings.permissions.topics_in("payments") == {"Node"}
    assert findings.permissions.topics_in("web") == {
        *("Allocation", "Evaluation", "Job", "Deployment", "Service", "CSIPlugin", "Node")
    }
    assert "in namespace payments" in findings.trouble.why
    assert 'namespace "payments"' in findings.trouble.policy
    assert len(findings.trouble.policy.splitlines()) > 5


async def test_a_token_for_every_namespace_is_not_tried_namespace_by_namespace() -> None:
    options = Options(tokens={READER: Token(namespaces={"*": READ_JOB})}, namespaces=("web", "payments"))
    findings = await found(options, Subscription.parse(["Job", "Node"]), NOMAD_TOKEN=READER)
    assert findings.permissions == Permissions(("*",), {"Job": frozenset({"*"}), "Node": frozenset()})


async def test_at_most_twenty_namespaces_are_tried() -> None:
    names = {f"team-{number:02}": READ_JOB for number in range(25)}
    findings = await found(
        Options(tokens={READER: Token(namespaces=names)}, namespaces=("other", *names)),
        Subscription.parse(["Job"]),
        NOMAD_TOKEN=READER,
    )
    assert findings.permissions is not None
    assert len(findings.permissions.namespaces) == inquiry.MAX_NAMESPACES
    assert findings.trouble.what == "Only the first 20 of 25 namespaces are read"


async def test_an_unknown_topic_is_tried_too() -> None:
    findings = await found(
        Options(tokens={READER: a_token(default=READ_JOB)}),
        Subscription.parse(["Job", "Bogus"]),
        "default",
        NOMAD_TOKEN=READER,
    )
    assert "Bogus (needs a management token)" in findings.trouble.why


@pytest.mark.parametrize("release", [Release.OLD, Release.OLD_500])
async def test_servers_that_are_silent_before_the_first_event_are_probed_as_well(release: Release) -> None:
    options = Options(tokens={READER: a_token(default=READ_JOB)}, release=release, first_heartbeat=30)
    findings = await found(options, Subscription.parse(["Job", "Node"]), "default", patience=0.2, NOMAD_TOKEN=READER)
    assert findings.permissions is not None
    assert findings.permissions.topics_in("default") == {"Job"}


async def test_a_workloads_signed_identity_is_not_reported_as_malformed() -> None:
    options = Options(tokens={SIGNED: a_token(default=READ_JOB)})
    async with asyncio.timeout(60), StandIn(options=options) as server:
        connection = Connection.from_environment({}, {"NOMAD_ADDR": server.address, "NOMAD_TOKEN": SIGNED + "x"})
        async with Client(connection) as client:
            findings = await why_refused(client, EVERYTHING, refusal(connection))
    assert findings.trouble.kind is Kind.PERMISSION


def test_names_from_the_cluster_are_made_printable() -> None:
    token = TokenInfo(TokenKind.CLIENT, "ci\x1b[2J", ("p\x1b]0;x",))
    diagnosis = missing_permissions(Permissions(("we\x1bb",), {"Job": frozenset()}), token)
    assert diagnosis.sentence.isprintable() and "\x1b" not in diagnosis.policy


# Unavailable endpoints


@pytest.mark.parametrize("says", [answer("401 Unauthorized"), answer("502 Bad Gateway"), b"+PONG\r\n", None])
async def test_unavailable_endpoints_do_not_change_the_diagnosis(says: bytes | None) -> None:
    with faulty_server(says) as server:
        connection = Connection.from_environment(
            {}, {"NOMAD_ADDR": f"127.0.0.1:{server.port}", "NOMAD_NAMESPACE": "web", "NOMAD_REGION": "asia"}
        )
        before = Trouble(Kind.SILENT, "it went silent", "nobody knows", "Set NOMAD_ADDR", False)
        async with asyncio.timeout(60), Client(connection) as client:
            findings = await why_refused(client, EVERYTHING, refusal(connection))
            assert await why_silent(client, before) == before
            assert await unknown_namespace(client) is None
    assert findings.permissions is None
    assert findings.trouble.kind in (Kind.REFUSED, Kind.AUTHENTICATION)


# Silence


async def test_a_proxy_that_buffers_the_stream_is_detected() -> None:
    async with asyncio.timeout(60), StandIn(options=Options()) as server:
        with buffering_proxy(server.address) as proxy:
            connection = Connection.from_environment({}, {"NOMAD_ADDR": f"http://127.0.0.1:{proxy.port}"})
            async with Client(connection) as client:
                try:
                    async with client.open_stream([], silence=0.2) as stream:
                        await stream.content.readany()
                    pytest.fail("the proxy let something through")
                except NomadError as error:
                    silent = await inquiry.explain_fully(error, connection)
                diagnosis = await why_silent(client, silent)
    assert (silent.kind, diagnosis.kind) == (Kind.SILENT, Kind.BUFFERED)
    assert diagnosis.summary.endswith("a proxy buffers the stream.")
    assert "nginx: proxy_buffering off" in diagnosis.remedy and "NOMAD_ADDR" in diagnosis.remedy


async def test_silence_of_a_cluster_without_a_leader_is_explained() -> None:
    async with asyncio.timeout(60), StandIn(options=Options(leader=False)) as server:
        connection = Connection.from_environment({}, {"NOMAD_ADDR": server.address})
        async with Client(connection) as client:
            diagnosis = await why_silent(client, refusal(connection))
    assert diagnosis.kind is Kind.NO_LEADER


async def test_a_missing_namespace_is_reported_with_the_existing_ones() -> None:
    names = tuple(f"team-{number}" for number in range(9))
    async with asyncio.timeout(60), StandIn(options=Options(namespaces=names)) as server:
        diagnosis = {}
        for namespace in ("team-1", "*", "tema-1"):
            connection = Connection.from_environment({}, {"NOMAD_ADDR": server.address, "NOMAD_NAMESPACE": namespace})
            async with Client(connection) as client:
                diagnosis[namespace] = await unknown_namespace(client)
    assert diagnosis["team-1"] is None and diagnosis["*"] is None
    unknown = diagnosis["tema-1"]
    assert unknown is not None and unknown.kind is Kind.NAMESPACE_UNKNOWN
    assert unknown.summary == (
        "There is no namespace tema-1: the visible ones are default, team-0, team-1, team-2 and 6 others, "
        "and for an unknown one Nomad answers 200 and sends nothing."
    )
    assert unknown.remedy == "Set NOMAD_NAMESPACE (--namespace) to one of them, or to * for all"


async def test_topics_that_the_release_lacks_are_not_reported_as_refused() -> None:
    """They require a management token there, as every unknown topic does, and no policy grants them."""
    token = Token(name="ci", namespaces={"*": READ_JOB}, node_read=True)
    learned = await found(Options(version="1.6.5", tokens={READER: token}), NOMAD_TOKEN=READER)
    assert learned.permissions is not None
    assert learned.permissions.allowed.keys().isdisjoint({"CSIVolume", "HostVolume", "Variable", "Operator"})
    assert "NodePool" in learned.trouble.sentence
    assert "Variable" not in learned.trouble.sentence
    assert learned.trouble.policy == ""
