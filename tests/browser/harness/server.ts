// The server under test: a process of its own on a free port of loopback, with data of its own, that can be stopped and
// started again. Owns the process, its folder and its log.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(import.meta.dirname, '../../..');
const binary = process.env.SOTTO_SERVER ?? join(root, 'target/debug/sotto-server');

/** Rates that no journey comes near. */
const rates = Object.fromEntries(
  [
    'SIGN_UPS_PER_MINUTE_AND_ADDRESS',
    'SIGN_INS_PER_MINUTE_AND_ADDRESS',
    'GUESSES_PER_MINUTE_AND_NAME',
    'GUESSES_PER_MINUTE_NAME_AND_ADDRESS',
    'FINDS_PER_MINUTE_AND_USER',
    'CLAIMS_PER_MINUTE_AND_USER',
  ].map((rate) => [`SOTTO_${rate}`, '1000000']),
);

export class Server {
  log = '';
  port = 0;
  private process: ChildProcess | undefined;

  private constructor(readonly folder: string) {}

  static async start(): Promise<Server> {
    const server = new Server(await mkdtemp(join(tmpdir(), 'sotto-browser-')));
    await server.startAgain();
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it on the data and the port that it had. */
  async startAgain(): Promise<void> {
    const environment = {
      ...process.env,
      ...rates,
      SOTTO_DATA_DIR: this.folder,
      SOTTO_LISTEN: `127.0.0.1:${this.port}`,
      SOTTO_SHUTDOWN_SPREAD_MS: '200',
    };
    const child = spawn(binary, [], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    this.process = child;
    const began = this.log.length;
    this.port = await new Promise<number>((listening, failed) => {
      const read = (line: string) => {
        this.log += `${line}\n`;
        const port = Number(/127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? 0);
        if (port !== 0) listening(port);
      };
      createInterface({ input: child.stdout }).on('line', read);
      createInterface({ input: child.stderr }).on('line', read);
      child.once('error', failed);
      child.once('exit', (code) => failed(new Error(`the server ended with ${code}:\n${this.log.slice(began)}`)));
    });
  }

  /** SIGTERM, and waits for the end. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process;
    this.process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Ends it and removes what it has written. */
  async dispose(): Promise<void> {
    await this.end('SIGKILL');
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Every file of its folder with its bytes, and its log. */
  async everything(): Promise<Map<string, Buffer>> {
    const places = new Map([['log', Buffer.from(this.log)]]);
    for (const entry of await readdir(this.folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile()) places.set(entry.name, await readFile(path));
    }
    return places;
  }
}
