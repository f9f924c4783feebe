"""Evaluate integer expressions with + - * and parentheses."""

import re


def tokenize(text):
    """Split an expression into tokens; raise ValueError for a strange character."""
    tokens = re.findall(r"\d+|\S", text)
    for token in tokens:
        if not token.isdigit() and token not in "+-*()":
            raise ValueError(f"unexpected character {token!r}")
    return tokens


class Parser:
    """A recursive-descent parser that computes values as it goes."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.position = 0

    def peek(self):
        """Return the next token or None at the end."""
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self):
        """Return the next token and move on."""
        token = self.peek()
        self.position += 1
        return token

    def expression(self):
        value = self.term()
        while self.peek() in ("+", "-"):
            if self.take() == "+":
                value += self.term()
            else:
                value -= self.term()
        return value

    def term(self):
        value = self.factor()
        while self.peek() == "*":
            self.take()
            value *= self.factor()
        return value

    def factor(self):
        token = self.take()
        if token == "-":
            return -self.factor()
        if token == "(":
            value = self.expression()
            if self.take() != ")":
                raise ValueError("missing parenthesis")
            return value
        if token is None or not token.isdigit():
            raise ValueError(f"unexpected {token!r}")
        return int(token)


def evaluate(text):
    """Return the value of an expression; raise ValueError if it is malformed."""
    parser = Parser(tokenize(text))
    value = parser.expression()
    if parser.peek() is not None:
        raise ValueError(f"unexpected {parser.peek()!r}")
    return value
