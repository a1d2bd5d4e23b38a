"""A local page on which people read items beside their images, answer them blind, and decide.

log      each reviewer's own file, only ever added to
shelf    the items of a run: a light index in memory, rows read when they are asked for
queue    in which order a reviewer meets them
guard    who may ask: token, cookie, host, origin
server   the pages and what they call
export   decisions as JSONL, CSV or parquet
"""
