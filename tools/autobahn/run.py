"""Runs Autobahn's fuzzing client against an echo server and judges what it found.

Usage: run.py PORTED_DIR ws://127.0.0.1:PORT/ [case pattern,…]. Prints every case that is not as RFC 6455 and RFC 7692 say
and a line `N passed; N failed`; fails when there is one. Owns which cases count.
"""
import builtins
import collections
import sys

ported, url = sys.argv[1:3]
sys.path.insert(0, ported)

from twisted.internet import reactor  # noqa: E402

from autobahntestsuite import fuzzing  # noqa: E402

CASES = sys.argv[3].split(',') if len(sys.argv) > 3 else ['*']
# Messages of 16 MiB in fragments down to 64 bytes: they measure patience, and no message here may be that long.
LEFT_OUT = ['9.3.*', '9.4.*']
GOOD = {'OK', 'NON-STRICT', 'INFORMATIONAL'}
GOOD_CLOSE = {'OK', 'INFORMATIONAL'}

results = {}


def note(_, result):
    results[result['id']] = (result['behavior'], result['behaviorClose'], result['result'])


fuzzing.FuzzingClientFactory.logCase = note
fuzzing.FuzzingClientFactory.createReports = lambda self: None
fuzzing.print = lambda *_, **__: None
spec = {
    'servers': [{'agent': 'sotto', 'url': url}],
    'cases': CASES,
    'exclude-cases': LEFT_OUT,
    'exclude-agent-cases': {},
}
factory = fuzzing.FuzzingClientFactory(spec)
reactor.run()

bad = {id for id, (behaviour, close, _) in results.items() if behaviour not in GOOD or close not in GOOD_CLOSE}
unfinished = set(factory.specCases) - set(results)
for id in sorted(bad):
    builtins.print(id, *results[id])
for id in sorted(unfinished):
    builtins.print(id, 'did not finish')
builtins.print(dict(collections.Counter(behaviour for behaviour, _, _ in results.values())))
failed = len(bad) + len(unfinished)
builtins.print(f'autobahn: {len(factory.specCases) - failed} passed; {failed} failed')
sys.exit(1 if failed or not results else 0)
