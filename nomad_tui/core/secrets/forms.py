"""What a secret looks like, whatever it is called: keys, tokens of well-known makers, and URLs that hold one.

Each form is a pattern of RE2 with two groups, or three: what stays before it, the secret, what stays after it. `SIGNS`
is in every text that has one of them.
"""

from typing import Final

_KEY_BLOCK: Final = r"-{4,5} ?BEGIN [\w ]*PRIVATE KEY"
_ENCODED_KEY: Final = r"LS0tLS1CRUdJTiB(?:[EFPS]|QUklW|QR1Ag)|b3BlbnNzaC1rZXktdjE"
"""Base64 of `-----BEGIN` and any kind of private key but not of a certificate, and of `openssh-key-v1`."""
_TOKENS: Final = "|".join(
    (
        r"eyJ[\w-]{8,}\.[\w-]{6,}(?:\.[\w-]+)*",  # JSON Web Tokens
        r"gh[pousr]_\w{16,}|github_pat_\w{16,}",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[\w.-]{10,}",
        r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{8,}",  # Slack
        r"hv[sbr]\.[\w-]{8,}|\w{14}\.atlasv1\.\w{16,}",  # Vault, HCP Terraform
        r"AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}",  # Google
        r"npm_\w{30,}|pypi-\w{16,}|dckr_(?:pat|oat)_[\w-]{16,}|dop_v1_\w{16,}|[rs]k_(?:live|test)_\w{10,}",
        r"whsec_[\w+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|AGE-SECRET-KEY-1\w{16,}|shp(?:at|ca|pa|ss)_\w{16,}",
    )
)
_BARE_TOKENS: Final = r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}|[sb]\.[A-Za-z0-9]{24,}(?:\.\w{5})?|S[UAOCNX][A-Z2-7]{56}"
"""AWS, Vault before 1.10, seeds of NATS: too short a beginning to be one within a word."""
_WEBHOOK_HOSTS: Final = (
    r"(?:hooks\.slack(?:-gov)?\.com|webhook\.office(?:365)?\.com|logic\.azure\.(?:com|us|cn)|hooks\.zapier\.com"
    r"|api\.powerplatform\.(?:com|us)|chat\.googleapis\.com|maker\.ifttt\.com)(?::\d+)?/"
    r"|discord(?:app)?\.com(?::\d+)?/api/|outlook\.office(?:365)?\.com(?::\d+)?/webhook|api\.telegram\.org(?::\d+)?/bot"
    r"|pagerduty\.com(?::\d+)?/integration/"
)
"""Services whose URLs let in everybody who knows the path."""
_WEBHOOK_ID: Final = r"(?:[A-Za-z0-9]+/)?[A-Za-z0-9]{17}"
"""What follows `/hooks/` on servers of one's own, such as Mattermost."""
_QUERY: Final = (
    r"(?:[?&]|%3F|%26)(?:[\w.-]*[._-])?(?:sig|signature|sign|hmac|jwt|pwd|pass|auth|policy|session|sessionid|apikey"
    r"|sshkey|hdnts|hdnea|hdntl)(?:=|%3D)"
)
"""Names in a URL's query that mean a secret only there."""
_SHORT_QUERY: Final = r"(?:[?&]|%3F|%26)(?:key|code|sas|t|s)(?:=|%3D)"
"""The same where much follows."""
_REST_OF_URL: Final = r"""[^\s"'<>`)\]\\]"""

FORMS: Final = (
    rf"(?s)({_KEY_BLOCK}(?: BLOCK)? ?-{{4,5}})(.*?)(-{{4,5}} ?END |\z)",
    r"(?s)(Private-Lines: \d+)(.*?)(Private-MAC|\z)",  # PuTTY
    rf"()((?:{_ENCODED_KEY})[\w+/=%-]*(?:(?:\n|\\n)[\w+/=]+)*)",
    rf"(?i)(://[^\s/\"']*(?:{_WEBHOOK_HOSTS}))({_REST_OF_URL}+)",
    rf"(?i)(://{_REST_OF_URL}*?/(?:web)?hooks?/)({_WEBHOOK_ID}{_REST_OF_URL}*)",
    r"(://[^/\s:@]{0,200}:)([^\s/]+)(@)",
    r"(://)(\w{0,8}[A-Za-z]\w*\d\w{10,}|\w*\d\w{0,8}[A-Za-z]\w{10,})(@)",  # a token as the user's name
    rf"""(?i)({_QUERY})([^\s"'<>`&#;,)\]}}\\]+)""",
    rf"(?i)({_SHORT_QUERY})([\w%+/=~.-]{{20,}})",
    rf"()({_TOKENS})",
    rf"(^|[^A-Za-z0-9./-])({_BARE_TOKENS})(\b)",
    r"(?i)((?:token|secret)(?: ?id)?[\"']?[ =:]{1,3}[\"'(]?)"
    r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})",  # Consul's and Nomad's tokens
)

SIGNS: Final = "|".join(
    (
        "PRIVATE KEY|Private-Lines",
        _ENCODED_KEY,
        rf"(?i:{_WEBHOOK_HOSTS}|/(?:web)?hooks?/{_WEBHOOK_ID})",
        rf"(?i:{_QUERY}|{_SHORT_QUERY}[\w%+/=~.-])",
        r"eyJ[\w-]{8}|gh[pousr]_|github_pat_|gl[a-z]{2,5}-|xox[a-z][.-]|xapp-|hv[sbr]\.|\.atlasv1\.|AIza|ya29\.|GOCSPX-",
        r"npm_|pypi-|dckr_|dop_v1_|k_(?:live|test)_|whsec_|SG\.[\w-]{16}|AGE-SECRET|shp[a-z]{2}_",
        r"A[KSBC][IC]A[A-Z0-9]{12}|[sb]\.[A-Za-z0-9]{20}|S[UAOCNX][A-Z2-7]{20}",
    )
)
"""Finds what is none of them too; without letters or signs that JSON may write as escapes, but for `/`, `&` and `?`."""
