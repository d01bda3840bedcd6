"""Nomad's objects: a module per kind, with its fields, its phrases, and its answers for every view.

`kind` defines what views ask of a kind; `registry` lists all kinds. A new topic is one module here and one line there.
"""
