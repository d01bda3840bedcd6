"""Failures that are found only by further requests, or by watching a stream for a while."""

from typing import Final

from nomad_tui.nomad.cases.case import SET_ADDRESS, SET_TOKEN, Case, Kind


def _token(why: str, remedy: str) -> Case:
    return Case(Kind.AUTHENTICATION, "{address} does not accept the token", why, remedy, refused=True)


REFUSED: Final = Case(
    Kind.REFUSED,
    "{address} refused the subscription",
    "{reasons}",
    "{remedies}",
    refused=True,
)
"""Status 200 and the end of the stream, before any further request."""

NO_SUCH_REGION: Final = Case(
    Kind.REGION_UNKNOWN,
    "{address} does not know the region {region}",
    "its regions are {regions}",
    "Set NOMAD_REGION (--region) to one of them",
    refused=True,
)
NO_SUCH_NAMESPACE: Final = Case(
    Kind.NAMESPACE_UNKNOWN,
    "There is no namespace {namespace}",
    "the visible ones are {namespaces}, and for an unknown one Nomad answers 200 and sends nothing",
    "Set NOMAD_NAMESPACE (--namespace) to one of them, or to * for all",
    refused=True,
)
TOKEN_MALFORMED: Final = _token(
    "{token} is malformed: a Secret ID is a UUID of 36 characters{quote}",
    f"{SET_TOKEN} the Secret ID as `nomad acl token create` or `nomad login` printed it",
)
TOKEN_UNKNOWN: Final = _token(
    "{token} is unknown: deleted, or another cluster's{quote}",
    f"{SET_TOKEN} one of this cluster, or {SET_ADDRESS} the cluster that made it",
)
TOKEN_EXPIRED: Final = _token(
    "{token} has expired{expired}{quote}",
    f"{SET_TOKEN} a new one, from `nomad login` or `nomad acl token create`",
)
TOKEN_REJECTED: Final = _token(
    "{token} is unknown: expired, deleted, or another cluster's{quote}",
    f"{SET_TOKEN} one that `nomad acl token self` accepts",
)
PUBLISHING_DISABLED: Final = Case(
    Kind.PUBLISHING_DISABLED,
    "{address} publishes no events",
    "its configuration has enable_event_broker = false{quote}",
    f"Set enable_event_broker = true in its server block and restart it, or {SET_ADDRESS} another server",
    refused=True,
)
PUBLISHING_SEEMS_DISABLED: Final = Case(
    Kind.PUBLISHING_DISABLED,
    "{address} publishes no events",
    "it refuses topics that {holder} may read, as with enable_event_broker = false",
    f"Set enable_event_broker = true in its server block and restart it, or {SET_ADDRESS} another server",
    refused=True,
)
SENDS_NOTHING: Final = Case(
    Kind.BUFFERED,
    "{address} answers, but its event stream sends nothing",
    "a proxy buffers the stream, or the server has enable_event_broker = false",
    "Check both: `nomad agent-info` and its configuration, and response buffering for /v1/event/stream in the proxy "
    "(nginx: proxy_buffering off)",
)
REGION_DOWN: Final = Case(
    Kind.REGION_DOWN,
    "{address} cannot reach the region {region}",
    "none of that region's servers answer it{quote}",
    "Check `nomad server members -region {region}`, or set NOMAD_REGION (--region) to another region",
)
NO_LEADER: Final = Case(
    Kind.NO_LEADER,
    "{address} cannot answer now",
    "the cluster has no leader{quote}",
    f"Check `nomad server members`, or {SET_ADDRESS} a server of a cluster that has one",
)
STARTING: Final = Case(
    Kind.STARTING,
    "{address} is starting",
    "it restarted, and resends old events until its Raft log is replayed",
    "No action needed: the stream resumes from the last index",
)
NOTHING_ALLOWED: Final = Case(
    Kind.PERMISSION,
    "{holder} may read none of these topics",
    "it may not read {refused}",
    "{remedy}",
    refused=True,
)
PARTLY_ALLOWED: Final = Case(
    Kind.PERMISSION,
    "{holder} may read only some of these topics",
    "it may not read {refused}",
    "{remedy}",
    refused=True,
)
NOTHING_REFUSED: Final = Case(
    Kind.CUT,
    "{address} ended the stream before its first line",
    "it accepts the subscription, so it or a proxy was starting or stopping",
    "If this happens again at once, check that server, and NOMAD_ADDR (--address)",
)
ONE_BY_ONE: Final = Case(
    Kind.PERMISSION,
    "{holder} may not subscribe to all namespaces at once",
    "{namespaces} are subscribed to separately",
    'No action needed. For a single stream, grant read-job in namespace "*"',
    refused=True,
)
MANY_NAMESPACES: Final = Case(
    Kind.PERMISSION,
    "Only the first {tried} of {there} namespaces are read",
    "{holder} may not subscribe to all at once, and that is the most tried one by one",
    f"Set NOMAD_NAMESPACE (--namespace) to another one, or {SET_TOKEN[0].lower()}{SET_TOKEN[1:]} one for all of them",
    refused=True,
)

CUT_REGULARLY: Final = Case(
    Kind.CUT,
    "The connection is cut every {seconds}",
    "the last {times} connections ended after the same time, probably by a proxy's request timeout",
    "Raise it for /v1/event/stream (nginx: proxy_read_timeout; HAProxy: timeout server; "
    "Envoy: timeout: 0s), or set NOMAD_ADDR to the server itself",
)
CUT_WHEN_IDLE: Final = Case(
    Kind.CUT,
    "The connection is cut after {seconds} without a byte",
    "the last {times} connections ended so, probably by a proxy's idle timeout below Nomad's 30 s heartbeat",
    "Raise it above 30 s for /v1/event/stream (nginx: proxy_read_timeout; HAProxy: timeout server; "
    "AWS: idle timeout), or set NOMAD_ADDR to the server itself",
)
DENIED_IN_WORDS: Final = Case(
    Kind.PERMISSION,
    "{address} denied permission for every topic",
    "{holder} may read such objects, but its subscriptions are refused",
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
    "The stream arrives late and in bursts",
    "{heartbeats} heartbeats arrived together after {seconds} of silence, so a proxy buffers it",
    f"Turn off its response buffering for /v1/event/stream (nginx: proxy_buffering off), or {SET_ADDRESS} the server "
    "itself",
)
LEADER_LOST: Final = Case(
    Kind.NO_LEADER,
    "The cluster has no leader",
    "it writes nothing, so there are no events",
    "Check `nomad server members`, and start the servers that are down",
)
HELD_BACK: Final = Case(
    Kind.BUFFERED,
    "{address} answers, but its event stream sends nothing",
    "a proxy buffers the stream",
    f"Turn off its response buffering for /v1/event/stream (nginx: proxy_buffering off), or {SET_ADDRESS} the server "
    "itself",
)
NO_ANSWER: Final = Case(
    Kind.TIMED_OUT,
    "{address} does not answer on its event stream",
    "it accepts the connection and sends nothing, but answers other requests",
    f"Check that server and any proxy in front of it, or {SET_ADDRESS} another server",
)
CLOCK_SKEW: Final = Case(
    Kind.CLOCK_SKEW,
    "The server's clock and this machine's differ",
    "the server's is {seconds} {direction}",
    "Correct the wrong one: `timedatectl` shows whether this machine's is synchronized",
)
TOO_SLOW: Final = Case(
    Kind.TOO_SLOW,
    "The server ended the stream",
    "nomad-tui was stopped or the machine slept for {seconds}, and Nomad drops slow readers",
    "No action needed. For fewer gaps, raise event_buffer_size on the server",
)
UNFINISHED_LINE: Final = Case(
    Kind.UNFINISHED,
    "A line of the stream does not end",
    "{size} arrived in {seconds}, and its events cannot be read before its end",
    "Check for a slow network, or a proxy that cuts or changes the stream. nomad-tui reconnects if it does not end",
)
ENDLESS_LINE: Final = Case(
    Kind.UNFINISHED,
    "The stream was left because a line did not end",
    "{size} of it came in {seconds}",
    f"Check for a proxy that changes the stream, or {SET_ADDRESS} the server itself",
)
MENDED_STATUS_LINE: Final = Case(
    Kind.OLD_RELEASE,
    "{address} sends an invalid HTTP status line",
    "it is HTTP/0.0, as of Nomad 1.11.2, 1.10.8 and 1.8.20 (nomad#27582)",
    "No action needed: nomad-tui reads it as HTTP/1.0. Other programs may need an upgrade of Nomad",
)
