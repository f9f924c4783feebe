"""Caesar and keyword (Vigenere) ciphers for the letters A-Z and a-z."""


def shift_letter(letter, amount):
    """Return an ASCII letter moved round the alphabet; keep other characters."""
    if "a" <= letter <= "z":
        first = ord("a")
    elif "A" <= letter <= "Z":
        first = ord("A")
    else:
        return letter
    return chr(first + (ord(letter) - first + amount) % 26)


def caesar(text, amount):
    """Return the text with every letter moved by the same amount."""
    return "".join(shift_letter(character, amount) for character in text)


class KeywordCipher:
    """Moves letters by the letters of a keyword in turn, beginning anew for each text."""

    def __init__(self, keyword):
        if not keyword.isalpha() or not keyword.isascii():
            raise ValueError("keyword must consist of letters")
        self._amounts = [ord(letter) - ord("a") for letter in keyword.lower()]
        self._position = 0

    def _next_amount(self):
        amount = self._amounts[self._position]
        self._position = (self._position + 1) % len(self._amounts)
        return amount

    def _apply(self, text, sign):
        result = []
        for character in text:
            if character.isascii() and character.isalpha():
                character = shift_letter(character, sign * self._next_amount())
            result.append(character)
        return "".join(result)

    def encrypt(self, text):
        """Return the secret text."""
        return self._apply(text, 1)

    def decrypt(self, text):
        """Return the plain text."""
        return self._apply(text, -1)


def encrypt_all(keyword, texts):
    """Encrypt several texts with one cipher; raise ValueError for a bad keyword."""
    cipher = KeywordCipher(keyword)
    return [cipher.encrypt(text) for text in texts]
