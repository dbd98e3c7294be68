"""Pages for people: what a run made, why, and what other thresholds would make of it.

One self-contained HTML file without a server (`page`), and the same page for all clips with a
server on this machine (`server`).
"""
