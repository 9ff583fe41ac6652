"""Globs over an event's subject: compiled once, matched in time quadratic in the subject at worst.

| pattern | matches |
| --- | --- |
| `?` | one character, not `/` |
| `*` | any run of characters, not `/` |
| `**` | any run of characters; `**/` is any number of folders, none included |
| `[abc]`, `[a-z]`, `[!a]` | one character of the class (not of it), never `/` |
| `{a,b}` | either; may be nested |
| `!` first | everything that the rest does not match |
| `\\` | the next character as it is |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tickwright.systems.hooks.errors import GlobError

__all__ = ["MAX_ALTERNATIVES", "Glob", "compile_glob"]

MAX_ALTERNATIVES = 256

_STAR = "[^/]*"
_ANY = ".*"
_FOLDERS = "(?:.*/)?"


@dataclass(frozen=True, slots=True)
class Glob:
    """One compiled pattern.

    Attributes:
        text: the pattern as written.
        negated: it began with `!`.
        exact: the subjects it matches, when it has no wildcard; else empty.
        beginnings: literals with which one alternative's subjects begin; holds "" when one has nothing to rely on.
        endings: the same for alternatives that are better told by how their subjects end.
    """

    text: str
    negated: bool
    exact: frozenset[str]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]
    _regex: re.Pattern[str] = field(repr=False)

    def matches(self, subject: str) -> bool:
        """Tell whether the whole subject fits.

        >>> compile_glob("notes/**/*.{md,txt}").matches("notes/a.md")
        True
        >>> compile_glob("!drafts/**").matches("drafts/a.md")
        False
        """
        return (self._regex.fullmatch(subject) is not None) is not self.negated


def compile_glob(text: str) -> Glob:
    """Compile a pattern.

    Raises:
        GlobError: an unclosed or empty `[`, an unclosed `{`, a reversed range, a trailing backslash,
            an empty pattern or more than 256 alternatives.
    """
    body, negated = text, False
    while body.startswith("!"):
        body, negated = body[1:], not negated
    if not body:
        raise GlobError(f"empty pattern {text!r}", expected="a glob such as 'notes/**' or 'search_*'")
    alternatives = [_tokens(text, alternative) for alternative in _expand(text, body)]
    literal = all(kind == "lit" for tokens in alternatives for kind, _ in tokens)
    exact = frozenset("".join(part for _, part in tokens) for tokens in alternatives)
    ends = [("", "")] if negated else [(_literal(tokens), _literal(tokens[::-1])[::-1]) for tokens in alternatives]
    return Glob(
        text=text,
        negated=negated,
        exact=exact if literal and not negated else frozenset(),
        beginnings=tuple(sorted({head for head, tail in ends if len(head) >= len(tail)})),
        endings=tuple(sorted({tail for head, tail in ends if len(head) < len(tail)})),
        _regex=re.compile("|".join(_regex(tokens) for tokens in alternatives), re.DOTALL),
    )


def _expand(text: str, body: str) -> list[str]:
    """Write out the braces: `a{b,c}` becomes `ab` and `ac`."""
    pending, done = [body], []
    while pending:
        current = pending.pop()
        braces = _first_braces(text, current)
        if braces is None:
            done.append(current)
        else:
            start, end, parts = braces
            pending += [current[:start] + part + current[end + 1 :] for part in reversed(parts)]
        if len(pending) + len(done) > MAX_ALTERNATIVES:
            raise GlobError(f"pattern {text!r} has too many alternatives", expected=f"at most {MAX_ALTERNATIVES}")
    return done


def _first_braces(text: str, body: str) -> tuple[int, int, list[str]] | None:
    """Find the first outermost `{...}`: where it opens and closes, and its parts."""
    depth, start, begin, i = 0, 0, 0, 0
    parts: list[str] = []
    while i < len(body):
        char = body[i]
        if char == "\\":
            i += 1
        elif char == "[":
            i = _class_end(text, body, i)
        elif char == "{":
            depth += 1
            if depth == 1:
                start, begin = i, i + 1
        elif char == "," and depth == 1:
            parts.append(body[begin:i])
            begin = i + 1
        elif char == "}" and depth:
            depth -= 1
            if not depth:
                return start, i, [*parts, body[begin:i]]
        i += 1
    if depth:
        raise GlobError(
            f"unclosed '{{' in pattern {text!r}", expected="a matching '}'", todo="write '\\{' for the sign"
        )
    return None


def _class_end(text: str, body: str, start: int) -> int:
    """Return where the class that opens at `start` closes; a `]` in first place stands for itself."""
    i = start + 1
    if body[i : i + 1] in ("!", "^"):
        i += 1
    if body[i : i + 1] == "]":
        i += 1
    while i < len(body) and body[i] != "]":
        i += 2 if body[i] == "\\" else 1
    if i >= len(body):
        raise GlobError(f"unclosed '[' in pattern {text!r}", expected="a matching ']'", todo="write '\\[' for the sign")
    return i


def _tokens(text: str, body: str) -> list[tuple[str, str]]:
    """Cut a pattern without braces into (kind, text): lit, one (a single-character regex), star, any, folders."""
    tokens: list[tuple[str, str]] = []
    i = 0
    while i < len(body):
        char = body[i]
        if char == "*":
            i = _stars(body, i, tokens)
            continue
        if char == "?":
            tokens.append(("one", "[^/]"))
        elif char == "[":
            end = _class_end(text, body, i)
            tokens.append(("one", _class(text, body[i + 1 : end])))
            i = end
        else:
            if char == "\\":
                i += 1
                if i >= len(body):
                    raise GlobError(f"pattern {text!r} ends in a backslash", expected="a character after it")
            tokens.append(("lit", body[i]))
        i += 1
    return tokens


def _stars(body: str, start: int, tokens: list[tuple[str, str]]) -> int:
    """Add the token for a run of stars, and return where it ends."""
    end = start
    while end < len(body) and body[end] == "*":
        end += 1
    at_folder = start == 0 or body[start - 1] == "/"
    if end - start == 1:
        tokens.append(("star", _STAR))
    elif at_folder and body[end : end + 1] == "/":
        tokens.append(("folders", _FOLDERS))
        end += 1
    else:
        tokens.append(("any", _ANY))
    return end


def _class(text: str, inside: str) -> str:
    """Translate the inside of `[...]`; a slash is never matched."""
    negated = inside[:1] in ("!", "^")
    chars = re.findall(r"\\.|.", inside[1:] if negated else inside, re.DOTALL)
    parts: list[str] = []
    i = 0
    while i < len(chars):
        first = chars[i][-1]
        if i + 2 < len(chars) and chars[i + 1] == "-":
            last = chars[i + 2][-1]
            if last < first:
                raise GlobError(f"reversed range '{first}-{last}' in pattern {text!r}", expected=f"'{last}-{first}'")
            parts.append(f"{re.escape(first)}-{re.escape(last)}")
            i += 3
        else:
            parts.append(re.escape(first))
            i += 1
    return f"(?!/)[{'^' if negated else ''}{''.join(parts)}]"


def _literal(tokens: list[tuple[str, str]]) -> str:
    """Return the plain text before the first wildcard."""
    literal = ""
    for kind, part in tokens:
        if kind != "lit":
            break
        literal += part
    return literal


def _regex(tokens: list[tuple[str, str]]) -> str:
    """Join tokens so that matching never backtracks over more than one star of each kind.

    The shortest match of what stands between two stars leaves the most room for the rest, so it need never be
    tried again: atomic groups say so. Only the last star of each kind may give back.
    """
    groups: list[tuple[str, list[tuple[str, str]]]] = [("", [])]
    for kind, part in tokens:
        if kind in ("any", "folders"):
            groups.append((kind, []))
        else:
            groups[-1][1].append((kind, part))
    out = ""
    for number, (kind, group) in enumerate(groups):
        last = number == len(groups) - 1
        lead = {"": "", "any": ".*?", "folders": "(?:.*?/)??"}[kind]
        text = lead + _group(group, last=last)
        out += text if last or not kind else f"(?>{text})"
    return f"(?:{out})"


def _group(tokens: list[tuple[str, str]], *, last: bool) -> str:
    """Join what stands between two double stars."""
    runs: list[str] = [""]
    for kind, part in tokens:
        if kind == "star":
            runs.append("")
        else:
            runs[-1] += re.escape(part) if kind == "lit" else part
    out = runs[0]
    for number, run in enumerate(runs[1:], 1):
        if number == len(runs) - 1 and last:
            out += f"[^/]*?{run}" if run else "[^/]*"
        else:
            out += f"(?>[^/]*?{run})"
    return out
