"""Kinds of cause that the words of an error name: full disks, memory, connections, clocks, settings, packages."""

from __future__ import annotations

import re
from http import HTTPStatus

HINTS = {
    "disk": r"no space left|enospc|disk (?:is )?full|file too large|efbig|disk quota|read-only file system",
    "memory": r"\bmemoryerror\b|out of memory|cannot allocate memory|oom[- ]?kill|heap space",
    "connection": r"connection (?:refused|reset|aborted|timed out)|econnrefused|econnreset|no route to host"
    r"|remote end closed|broken pipe|name or service not known|temporary failure in name resolution|unreachable",
    "slow": r"time(?:d)? ?out|deadline exceeded|\bslow\b|took too long|broken pipe"
    r"|client (?:closed|disconnected|gone away)",
    "pool": r"pool\b.{0,60}(?:exhaust|timeout|full|limit|empty)|too many (?:connections|open files|clients)|emfile"
    r"|no free (?:connection|slot|worker)",
    "clock": r"not yet valid|in the future|clock (?:skew|drift)|expired \d+ ?s? ago|\bskew",
    "certificate": r"certificate (?:verify failed|has expired|is expired)",
    "quota": r"too many requests|rate[ _-]?limit|throttl|quota (?:is )?exceeded"
    r"|(?:https?|status|code|answered|returned|got)\W{1,3}(?:status |code )?429\b",
    "credential": r"\bunauthori[sz]ed\b|(?:https?|status|code|answered|returned|got)\W{1,3}(?:status |code )?40[13]\b"
    r"|(?:token|credentials?|password|secret|(?:api|access)[ _-]?key) (?:has |have |is |was |are )?"
    r"(?:expired|revoked|invalid)"
    r"|(?:invalid|expired|revoked|bad) (?:token|credentials?|password|secret|(?:api|access)[ _-]?key)"
    r"|(?:authentication|authorization) failed|password authentication",
    "lock": r"database (?:table )?is locked|\bdeadlock|lock (?:wait )?time(?:d )?out"
    r"|could not (?:obtain|acquire) (?:a |the )?lock"
    r"|sqlite_(?:busy|locked)|could not serialize access",
    "schema": r"no such (?:column|table)"
    r"|(?:column|relation|table|field) \S{1,80}(?: of relation \S{1,80})? does(?: not|n't) exist"
    r"|unknown column|undefined(?:column|table)|has no column named|invalid (?:column|object) name",
    "encoding": r"unicode(?:en|de)codeerror"
    r"|codec can't (?:en|de)code|invalid byte sequence|invalid utf-?8|malformed utf"
    r"|ordinal not in range|unmappable character",
    "config": r"missing (?:setting|key|option|environment|configuration)"
    r"|(?:invalid|unknown|bad) (?:setting|option|config)|no such (?:setting|option)"
    r"|config(?:uration)? (?:error|invalid)|setting \S+ (?:is|must)",
    "dependency": r"modulenotfounderror|importerror|cannot import name|no module named|undefined symbol"
    r"|unexpected keyword argument|nosuchmethoderror|classnotfoundexception|module .{1,80} has no attribute",
    "null": r"nonetype|null ?pointer|\bof (?:undefined|null)\b|nil pointer|on a `none` value|object reference not set",
    "hangup": r"broken pipe|connection reset by peer|client (?:closed|disconnected|gone away)|epipe",
    "arithmetic": r"zerodivision|(?:divi[ds]\w* |modulo )by zero|arithmeticexception|overflowerror",
    "missing": r"keyerror|indexerror|nosuchelement|out of (?:range|bounds)|key not found|no such key",
    "parsing": r"valueerror|numberformat|invalid literal|could not convert|not a number|invalid (?:date|format|syntax)",
    "data": r"jsondecodeerror|unicodedecodeerror|malformed|cannot parse|invalid literal|unparsable|bad message",
}  # fmt: skip
# Words of settings that, when changed, bring about what a hint names.
KNOBS = {
    "slow": frozenset({"timeout", "deadline", "wait", "retries", "latency"}),
    "pool": frozenset({"pool", "connections", "workers", "threads", "wait"}),
    "connection": frozenset({"port", "host", "address", "endpoint", "hostname", "proxy"}),
    "memory": frozenset({"memory", "heap", "cache"}),
    "disk": frozenset({"disk", "quota", "retention", "rotate", "rotation"}),
    "clock": frozenset({"skew", "clock", "ntp", "leeway"}),
    "quota": frozenset({"rate", "limit", "interval", "concurrency", "batch", "retries"}),
    "credential": frozenset({"token", "secret", "password", "credential", "credentials", "username", "api_key"}),
    "lock": frozenset({"busy", "timeout", "lock", "isolation"}),
    "certificate": frozenset({"certificate", "cert", "tls", "ca_file"}),
}
# What a diff has where code brings about what a hint names: things kept for good, not given back, waited for, missing.
MEANS = {
    "memory": r"\.append\(|\.extend\(|\.(?:add|push|put)\(|cache|memo|bytearray|\bmaxsize|\bdel \b|\.clear\(|\.pop\(",
    "pool": r"\.(?:give|release|close|acquire|take|connect|open)\(|\bwith \b|finally|semaphore|executor",
    "slow": r"\bfor \b|\bwhile \b|sleep|retr(?:y|ies)|\block\b|timeout"
    r"|(?<![\"'])\.(?:query|execute|join|wait|fetch\w*)\(|(?i:\b(?:drop|create|alter) (?:unique )?index\b)",
    "disk": r"\.write\(|\bopen\(|\blog(?:ger)?\.\w+\(|rotat|retention",
    "arithmetic": r"[\w)\]] ?(?://?|%) ?[\w(]",
    "missing": r"\w\[[^\]]+\]|\.index\(|\.pop\(|\.next\(|\bnext\(",
    "parsing": r"\b(?:int|float|Decimal|Number)\(|pars(?:e|ed)\b|strptime|fromisoformat|\.split\(|\.index\(",
    "lock": r"\bbegin\b|\bcommit\b|rollback|\block|acquire|isolation|transaction|for update|exclusive|sleep",
    "schema": r"(?i)\b(?:alter|create|drop|rename) (?:table|column|view|index)\b|\b(?:select|insert into|update) ",
    "encoding": r"encod|decod|ascii|latin|utf|charset|\bbytes\(|\bopen\(",
    "quota": r"\bfor \b|\bwhile \b|retr(?:y|ies)|request|cache|\.(?:get|post|call|ask)\(",
    "credential": r"token|secret|password|credential|api_?key|authoriz|\bauth",
    "null": r"\.get\(|\bNone\b|\bnull\b|\bnil\b|undefined|Optional|\.(?:find|first|match)\(",
}  # fmt: skip
TAKEN_AWAY = frozenset({"memory", "pool", "null"})  # what lines that are gone can bring about too
OUTSIDE = frozenset({"disk", "memory", "connection", "slow", "pool", "clock", "certificate", "quota", "credential"})
# A cause outside, in words.
IN_WORDS = {
    "disk": "a full disk", "memory": "memory that ran out", "connection": "connections that fail",
    "slow": "slow answers", "pool": "an exhausted pool", "clock": "clocks that differ", "certificate": "a certificate",
    "quota": "a limit on requests", "credential": "a credential that is refused",
}  # fmt: skip
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in HINTS.items()}
_MEANS = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in MEANS.items()}
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,60}")
_TIMED_OUT = re.compile(r"\btimed[ _-]out\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.:-])(?:\d{1,9}\.\d{1,9}|[1-9]\d{2,8})(?![\w.:-])")  # a value that is not just any count
_STATUSES = frozenset(str(status.value) for status in HTTPStatus)
_COMMON = frozenset(
    word
    for line in (
        "the and for not with from this that was are has have had but its when then than into out error",
        "warn fatal critical notice",
        "errors failed failure exception traceback most recent call last file line raise return def self",
        "true false info warning debug log logger logging get set new old all one two http https",
        "post put request response status handle handler main app run import class else elif try except while",
        "print value key name data object server service services client url path user time",
        "date msg message lambda async await args kwargs super init threading thread socket json",
    )
    for word in line.split()
)


def hints_of(text: str) -> tuple[str, ...]:
    """Names of HINTS whose words a text has."""
    return tuple(name for name, pattern in _PATTERNS.items() if pattern.search(text[:4_000]))


def means_of(text: str) -> frozenset[str]:
    """Names of MEANS that changed lines have."""
    return frozenset(name for name, pattern in _MEANS.items() if pattern.search(text[:100_000]))


def terms_of(text: str) -> frozenset[str]:
    """Words, names and values that say something, in lower case, with the parts of snake_case and camelCase names."""
    found: set[str] = set()
    for word in _IDENTIFIER.findall(text[:200_000]):
        parts = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower().split("_")
        found |= {word.lower(), *(part for part in parts if len(part) > 3)}
    if _TIMED_OUT.search(text):
        found.add("timeout")
    return frozenset(found).union(_NUMBER.findall(text[:200_000])) - _COMMON - _STATUSES
