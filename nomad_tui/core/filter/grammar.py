"""The grammar of the filter language, for lark's LALR parser and its contextual lexer.

A terminal is only looked for where the grammar can use it. So `in` is an operator after an operand and a word where a
term starts, and a comma separates values after `field:` and is part of a word elsewhere.
"""

from typing import Final

GRAMMAR: Final = r"""
?start: disjunction

disjunction: conjunction (_OR conjunction)*
conjunction: negation (_AND? negation)*
?negation: (NOT | MINUS) negation -> negation
    | term
?term: WORD -> word
    | STRING -> quoted_word
    | RAW -> quoted_word
    | REGEX -> pattern
    | TILDE (TEXT | STRING | RAW | REGEX) -> in_payload
    | FIELD value_of_field (COMMA value_of_field)* -> field
    | LPAR disjunction RPAR -> group
    | _expression

!value_of_field: LISTED | STRING | RAW | REGEX

// Nomad's own filter expressions. In braces there is nothing else.
_expression: comparison | membership | check | each
comparison: operand (EQUAL | UNEQUAL | CONTAINS | NOT_CONTAINS | MATCHES | NOT_MATCHES) literal
membership: (operand | NEGATIVE) (IN | NOT_IN) selector
check: operand IS NOT? (EMPTY | NIL)
each: (ANY | ALL) collection AS NAME (NAME_COMMA NAME)? LBRACE body RBRACE
// The same tokens under three names, because what may follow them differs.
!operand: WORD | STRING | RAW
!selector: WORD | STRING | RAW
!collection: WORD | STRING | RAW
!literal: WORD | UNQUOTED | STRING | RAW

body: body_conjunction (_OR body_conjunction)* -> disjunction
body_conjunction: body_negation (_AND body_negation)* -> conjunction
?body_negation: (NOT | MINUS) body_negation -> negation
    | LPAR body RPAR -> group
    | _expression

// No letter of a keyword follows it directly: `orange` is a word.
END: /(?![^\s(){}"`])/

_OR.5: /(?:or|OR)/ END
_AND.5: /(?:and|AND)/ END
NOT.5: /(?:not|NOT)/ END
MINUS.4: /-(?=[^\s){}])/
LPAR: "("
RPAR: ")"
LBRACE: "{"
RBRACE: "}"

EQUAL.5: "=="
UNEQUAL.5: "!="
CONTAINS.5: /contains/ END
MATCHES.5: /matches/ END
IN.5: /in/ END
IS.5: /is/ END
EMPTY.5: /empty/ END
NIL.5: /nil/ END
NOT_CONTAINS.6: /(?:not|NOT)\s+contains/ END
NOT_MATCHES.6: /(?:not|NOT)\s+matches/ END
NOT_IN.6: /(?:not|NOT)\s+in/ END

// `any` and `all` are words unless a path and `as` follow.
COLLECTION: /(?=\s++(?:\[\s*+|\s*+\]|(?!==|!=)[^\s(){}"`\[\]]|"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)+\s+as(?![^\s(){}"`]))/
ANY.6: /any/ COLLECTION
ALL.6: /all/ COLLECTION
AS.5: /as/ END
NAME: /[a-zA-Z][a-zA-Z0-9_\/]*|_/
NAME_COMMA: ","

// What starts like another kind of term is no word.
OTHER: /(?!(?:and|or|not|AND|OR|NOT)(?![^\s(){}"`]))(?![-~\/]|[A-Za-z]+:)/
LETTER: /(?!==|!=|\[\s*["`])[^\s(){}"`]/
KEY: /\[\s*(?:"(?:[^"\\]|\\[\s\S])*"|`[^`]*`)\s*\]/
WORD: OTHER (LETTER | KEY)+
STRING.4: /"(?:[^"\\]|\\[\s\S])*"(?![^\s(){},=!\]])/
RAW.4: /`[^`]*`(?![^\s(){},=!\]])/
REGEX.4: /\/(?:[^\/\\]|\\[\s\S])+\/i?(?![^\s(){},])/
NEGATIVE.6: /-(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?=\s+(?:(?:not|NOT)\s+)?in(?![^\s(){}"`]))/
// Values that would not be words where a term starts.
UNQUOTED: /(?:-|[A-Za-z]+:)[^\s(){}"`]*/

TILDE.4: /~(?=[^\s(){}])/
TEXT: /[^\s(){}"`\/][^\s(){}"`]*/
FIELD.3: /[A-Za-z]+:(?:<=|>=|[<>=])?(?=[^\s(){}])/
LISTED: /[^\s(){}"`,\/][^\s(){}"`,]*/
COMMA.6: /(?<!\s),/

%ignore /\s+/
"""
