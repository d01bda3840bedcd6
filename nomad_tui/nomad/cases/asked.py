"""What only shows when a server is asked, or a stream is watched for a while."""

from typing import Final

from nomad_tui.nomad.cases.case import SET_ADDRESS, SET_TOKEN, Case, Kind

REFUSED: Final = Case(
    Kind.REFUSED,
    "{address} refused the subscription",
    "{reasons}",
    "{remedies}",
    refused=True,
)
"""A 200 and the end, before anything was asked."""

NO_SUCH_REGION: Final = Case(
    Kind.REGION_UNKNOWN,
    "{address} does not know the region {region}",
    "those it knows are {regions}",
    "Set NOMAD_REGION (--region) to one of them",
    refused=True,
)
NO_SUCH_NAMESPACE: Final = Case(
    Kind.NAMESPACE_UNKNOWN,
    "There is no namespace {namespace}",
    "those that may be seen are {namespaces}, and for any other Nomad answers 200 and stays silent",
    "Set NOMAD_NAMESPACE (--namespace) to one of them, or to * for all",
    refused=True,
)
TOKEN_MALFORMED: Final = Case(
    Kind.AUTHENTICATION,
    "{address} does not accept the token",
    "{token} is malformed: a Secret ID is a UUID of 36 characters{said}",
    f"{SET_TOKEN} the Secret ID as `nomad acl token create` or `nomad login` printed it",
    refused=True,
)
TOKEN_UNKNOWN: Final = Case(
    Kind.AUTHENTICATION,
    "{address} does not accept the token",
    "{token} is unknown: deleted, or another cluster's{said}",
    f"{SET_TOKEN} one of this cluster, or {SET_ADDRESS} the cluster that made it",
    refused=True,
)
TOKEN_EXPIRED: Final = Case(
    Kind.AUTHENTICATION,
    "{address} does not accept the token",
    "{token} has expired{expired}{said}",
    f"{SET_TOKEN} a new one, from `nomad login` or `nomad acl token create`",
    refused=True,
)
TOKEN_REJECTED: Final = Case(
    Kind.AUTHENTICATION,
    "{address} does not accept the token",
    "{token} is unknown: expired, deleted, or another cluster's{said}",
    f"{SET_TOKEN} one for which `nomad acl token self` answers",
    refused=True,
)
PUBLISHING_DISABLED: Final = Case(
    Kind.PUBLISHING_DISABLED,
    "{address} publishes no events",
    "its configuration says enable_event_broker = false{said}",
    f"Set enable_event_broker = true in its server block and restart it, or {SET_ADDRESS} another server",
    refused=True,
)
PUBLISHING_SEEMS_DISABLED: Final = Case(
    Kind.PUBLISHING_DISABLED,
    "{address} publishes no events",
    "it refuses every topic, though {holder} may read them, as a server with enable_event_broker = false does",
    f"Set enable_event_broker = true in its server block and restart it, or {SET_ADDRESS} another server",
    refused=True,
)
SENDS_NOTHING: Final = Case(
    Kind.BUFFERED,
    "{address} answers, but nothing comes on its event stream",
    "{holder} may read it, so a proxy holds the stream back, or the server has enable_event_broker = false",
    "Check both: `nomad agent-info` and its configuration, and response buffering for /v1/event/stream in the proxy "
    "(nginx: proxy_buffering off)",
)
REGION_DOWN: Final = Case(
    Kind.REGION_DOWN,
    "{address} cannot reach the region {region}",
    "none of that region's servers answers it{said}",
    "Check `nomad server members -region {region}`, or set NOMAD_REGION (--region) to another region",
)
NO_LEADER: Final = Case(
    Kind.NO_LEADER,
    "{address} cannot answer now",
    "the cluster has no leader{said}",
    f"Check `nomad server members`, or {SET_ADDRESS} a server of a cluster that has one",
)
STARTING: Final = Case(
    Kind.STARTING,
    "{address} is starting",
    "it was restarted, and sends old events again until it has replayed its raft log",
    "No action needed: the stream resumes from the last index",
)
NOTHING_ALLOWED: Final = Case(
    Kind.PERMISSION,
    "{holder} may read nothing of what was asked for",
    "it may not read {refused}",
    "{remedy}",
    refused=True,
)
PARTLY_ALLOWED: Final = Case(
    Kind.PERMISSION,
    "{holder} may read only part of what was asked for",
    "it may not read {refused}",
    "{remedy}",
    refused=True,
)
NOTHING_REFUSED: Final = Case(
    Kind.CUT,
    "{address} ended the stream before its first line",
    "it refuses nothing of what was asked for, so it or a proxy before it was stopping or starting",
    "If this happens again at once, check that server, and NOMAD_ADDR (--address)",
)
ONE_BY_ONE: Final = Case(
    Kind.PERMISSION,
    "{holder} may not read all namespaces together",
    "{namespaces} are read separately",
    'No action needed. To read all as one stream, grant it read-job in namespace "*"',
    refused=True,
)
MANY_NAMESPACES: Final = Case(
    Kind.PERMISSION,
    "Only the first {tried} of {there} namespaces are read",
    "{holder} may not read all of them together, and no more are tried one by one",
    f"Set NOMAD_NAMESPACE (--namespace) to another one, or {SET_TOKEN[0].lower()}{SET_TOKEN[1:]} one for all of them",
    refused=True,
)

CUT_REGULARLY: Final = Case(
    Kind.CUT,
    "The connection is cut every {seconds}",
    "the last {times} ended after the same time, which is probably a proxy's limit for a request",
    "Raise that limit for /v1/event/stream (Envoy: timeout: 0s; HAProxy: timeout server, timeout tunnel; "
    "nginx: proxy_read_timeout), or set NOMAD_ADDR (--address) to the server itself",
)
CUT_WHEN_IDLE: Final = Case(
    Kind.CUT,
    "The connection is cut after {seconds} without a byte",
    "the last {times} ended so, which is probably a proxy's idle timeout, and Nomad's heartbeat comes every 30 s",
    "Raise that timeout above 30 s for /v1/event/stream (nginx: proxy_read_timeout; HAProxy: timeout server; AWS: idle "
    "timeout), or set NOMAD_ADDR (--address) to the server itself",
)
DENIED_IN_WORDS: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission for every topic",
    "{holder} may read such objects, and yet its subscriptions are refused",
    "Check that no proxy drops the header X-Nomad-Token, and that every policy of the token exists (before 1.5.0 one "
    "that does not is enough, nomad#15495)",
    refused=True,
)
HARMFUL: Final = Case(
    Kind.HARMFUL,
    "{topics} is not subscribed to",
    "{effect}, {because}",
    "{remedy}",
    refused=True,
)
HARM_ALLOWED: Final = Case(
    Kind.HARMFUL,
    "{topics} is read although that may harm the servers",
    "{effect}, {because}",
    "Leave out --allow-harmful-topics (allow_harmful_topics in a profile), or upgrade the servers to {fixed} or later",
)

BUFFERED: Final = Case(
    Kind.BUFFERED,
    "The stream comes late and in bulk",
    "{heartbeats} heartbeats came together after {seconds} of silence, so a proxy holds it back",
    f"Turn off its response buffering for /v1/event/stream (nginx: proxy_buffering off), or {SET_ADDRESS} the server "
    "itself",
)
LEADER_LOST: Final = Case(
    Kind.NO_LEADER,
    "The cluster has no leader",
    "it writes nothing, so no events come",
    "Check `nomad server members`, and start the servers that are down",
)
HELD_BACK: Final = Case(
    Kind.BUFFERED,
    "{address} answers, but nothing comes on its event stream",
    "something between, a proxy, holds the stream back",
    f"Turn off its response buffering for /v1/event/stream (nginx: proxy_buffering off), or {SET_ADDRESS} the server "
    "itself",
)
NO_ANSWER: Final = Case(
    Kind.TIMED_OUT,
    "{address} does not answer on its event stream",
    "it accepts the connection and sends nothing, though it answers other requests",
    f"Check that server and any proxy before it, or {SET_ADDRESS} another server",
)
CLOCK_SKEW: Final = Case(
    Kind.CLOCK_SKEW,
    "The server's clock and this machine's differ",
    "the server's is {seconds} {direction}",
    "Set the one right that is wrong: `timedatectl` shows whether this machine's is synchronised",
)
TOO_SLOW: Final = Case(
    Kind.TOO_SLOW,
    "The server ended the stream",
    "nomad-tui did not read for {seconds}, as when it was stopped or the machine slept, and Nomad drops such readers",
    "No action needed. For fewer gaps, raise event_buffer_size on the server",
)
MENDED_STATUS_LINE: Final = Case(
    Kind.OLD_RELEASE,
    "{address} begins its event stream with an invalid status line",
    "it says HTTP/0.0, as Nomad 1.11.2, 1.10.8 and 1.8.20 do (nomad#27582)",
    "No action needed: nomad-tui reads it as HTTP/1.0. Other programs may need an upgrade of Nomad",
)
