"""From how many images on a graph is worth it."""

HNSWLIB_FROM = 20_000
"""Where `auto` takes it. One query is answered 9 times as fast as by exact search there, 100 are
2.6 times as fast, and the graph takes 5 s of one core to build; at 5,000 100 queries are as fast
either way. Exact search of 20,000 x 1,280 takes 5 ms for one query and 50 for 100, which nobody
waits for: below, a graph would save nothing that a person notices, and it may miss a neighbour,
takes memory, and has to be kept up. Source: docs/decisions/0062-hnswlib.md."""
HNSWLIB_AT_LEAST = 2_000
"""Below, it is not even taken where it is asked for by name: one query is answered 1.4 times as
fast at 2,000, 100 in twice the time. Source: docs/decisions/0062-hnswlib.md."""
LEAST_SPEED = 1.0
"""Times as fast as exact search on many queries at once: a graph that has to look at too much to
find what it should is slower, as of vectors without neighbourhoods, and is not used."""
PGVECTOR_AT_LEAST = 20_000
"""Below, pgvector is not even taken where it is asked for by name: on a busy machine it answered
one query about twice as fast as exact search at 20,000, 100 as fast, and was slower at 10,000.
Source: docs/decisions/0063-pgvector.md."""
