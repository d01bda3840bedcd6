"""The objects of Nomad: one module for each kind, with its fields, its phrases, and what each view asks of it.

`kind` says what the views ask, `registry` knows every kind. A new topic is one module here and one line there.
"""
