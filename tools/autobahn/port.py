"""Makes the fuzzing client of the installed autobahntestsuite, which is Python 2 code, run on Python 3.

Usage: port.py OUT_DIR, with the Python into which the package is installed (3.11 or 3.12: the last with lib2to3).
Writes OUT_DIR/autobahntestsuite; owns the translation and nothing of the tests.

How: 2to3 first. Then every source is read as latin-1, so that a byte string of Python 2 stays one character a byte; the
protocol class encodes to bytes on the way out and decodes on the way in.
"""
import importlib.util
import os
import re
import shutil
import subprocess
import sys

# What the fuzzing client does without.
NOT_NEEDED = (
    'echo broadcast massconnect serializer testee wampfuzzing wamptestee wamptestserver wsperfcontrol wsperfmaster '
    'testdb testrun wstest choosereactor'
).split()

BYTES = '''
import binascii
def b(x): return x.encode("latin-1") if isinstance(x, str) else x
def s(x): return x.decode("latin-1") if isinstance(x, (bytes, bytearray)) else x
def hexs(x): return binascii.b2a_hex(b(x)).decode()
def u8(x): return x.encode("utf-8", "surrogatepass").decode("latin-1")
def norm(x): return [norm(y) for y in x] if isinstance(x, (list, tuple)) else s(x)
'''

PROTOCOL = '''class FuzzingProtocol:
   def sendFrame(self, opcode, payload = b"", fin = True, rsv = 0, mask = None, payload_len = None, chopsize = None, sync = False):
      super().sendFrame(opcode, _py3.b(payload), fin, rsv, _py3.b(mask), payload_len, chopsize, sync)
   def sendMessage(self, payload, isBinary = False, *a, **k):
      super().sendMessage(_py3.b(payload), isBinary, *a, **k)
   def sendMessageFrameData(self, payload, *a, **k):
      return super().sendMessageFrameData(_py3.b(payload), *a, **k)
   def sendCloseFrame(self, code = None, reasonUtf8 = None, isReply = False):
      super().sendCloseFrame(code, _py3.b(reasonUtf8), isReply)
'''

# Names of the compression interface that have changed since.
RENAMED = {
    'requestNoContextTakeover': 'request_no_context_takeover',
    'requestMaxWindowBits': 'request_max_window_bits',
    'acceptNoContextTakeover': 'accept_no_context_takeover',
    'acceptMaxWindowBits': 'accept_max_window_bits',
}

FUZZING = {
    'class FuzzingProtocol:\n': PROTOCOL,
    # TLS, which is not tested here, would need two more packages.
    'from twisted.internet import reactor, ssl': 'from twisted.internet import reactor',
    'ssl.ClientContextFactory()': 'None',
    'self.runCase.onMessage(msg, binary)': 'self.runCase.onMessage(_py3.s(msg), binary)',
    'self.runCase.onPong(payload)': 'self.runCase.onPong(_py3.s(payload))',
    "p = ''.join(payload)": "p = _py3.s(b''.join(payload)) if isinstance(payload, list) else _py3.s(payload)",
    '(len(payload), asciiLogData(payload))': '(len(payload), asciiLogData(_py3.s(payload)))',
    "return dd.decode('utf8', errors = 'replace' if replace else 'strict')":
        "return _py3.b(dd).decode('utf8', errors = 'replace' if replace else 'strict')",
    'debug = debug, debugCodePaths = debug': '',
}


def replaced(text, table):
    for old, new in table.items():
        text = text.replace(old, new)
    return text


def ported(name, text):
    """One source in Python 3 with byte strings as latin-1."""
    text = re.sub(r'(?m)^#.*coding[:=].*$', '#', text, count=1)
    text = text.replace('binascii.b2a_hex(', '_py3.hexs(').replace('.tostring()', '.tobytes()')
    text = re.sub(r'chr\((\w+)\)\.encode\("utf-8"\)', r'_py3.u8(chr(\1))', text)
    if name == 'case12_x_x.py':
        text = replaced(text, RENAMED)
        text = text.replace(
            'def onMessage(self, msg, binary):\n', 'def onMessage(self, msg, binary):\n   msg = _py3.b(msg)\n'
        )
    if name == 'case10_1_1.py':
        text = re.sub(r'(?<=[\w)]) / (?=[\w(])', ' // ', text)
    text = re.sub(r'\(object, *(\w+), *\)', r'(\1,)', text)
    text = re.sub(r'(?m)^(from zope.interface import implements|\s+implements\(.*\))$', '', text)
    text = re.sub(r'\.validate\(([^()]+)\)', r'.validate(_py3.b(\1))', text)
    if name == 'fuzzing.py':
        text = replaced(text, FUZZING)
        text = re.sub(r'(WebSocket(?:Client|Server)Factory\.__init__\(self), \)', r'\1)', text)
    if name == 'case.py':
        text = text.replace(
            'return pickle.dumps(obj1) == pickle.dumps(obj2)', 'return _py3.norm(obj1) == _py3.norm(obj2)'
        )
    return '# -*- coding: latin-1 -*-\nfrom autobahntestsuite import py3 as _py3\n' + text


def main(out):
    package = importlib.util.find_spec('autobahntestsuite').submodule_search_locations[0]
    here = os.path.join(out, 'autobahntestsuite')
    shutil.rmtree(here, ignore_errors=True)
    shutil.copytree(package, here, ignore=shutil.ignore_patterns('__pycache__'))
    for name in NOT_NEEDED:
        os.remove(os.path.join(here, name + '.py'))
    shutil.rmtree(os.path.join(here, 'wampcase'), ignore_errors=True)
    quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    subprocess.run([sys.executable, '-m', 'lib2to3', '-w', '-n', '--no-diffs', here], check=True, **quiet)
    with open(os.path.join(here, '__init__.py'), 'w') as file:
        file.write('version = "25.10.1-py3"\n')
    with open(os.path.join(here, 'py3.py'), 'w') as file:
        file.write(BYTES)
    for folder, _, names in os.walk(here):
        for name in names:
            own = name == 'py3.py' or (name == '__init__.py' and folder == here)
            if not name.endswith('.py') or own:
                continue
            path = os.path.join(folder, name)
            with open(path, encoding='latin-1') as file:
                text = file.read()
            with open(path, 'w', encoding='latin-1') as file:
                file.write(ported(name, text))


main(sys.argv[1])
