// A TCP proxy on loopback between browser and server that keeps all bytes of both ways. Owns the link, knows no protocol.
import { type AddressInfo, type Server as TcpServer, type Socket, connect, createServer } from 'node:net';

export class Link {
  private readonly chunks: Buffer[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly listener: TcpServer,
    readonly origin: string,
  ) {}

  static async to(port: number): Promise<Link> {
    const listener = createServer();
    await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));
    const link = new Link(listener, `http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
    listener.on('connection', (browser) => link.carry(browser, connect(port, '127.0.0.1')));
    return link;
  }

  /** Everything that was carried, both ways. */
  carried(): Buffer {
    return Buffer.concat(this.chunks);
  }

  close(): void {
    this.listener.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private carry(browser: Socket, server: Socket): void {
    for (const [from, to] of [
      [browser, server],
      [server, browser],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => this.chunks.push(chunk));
      from.on('error', () => to.destroy());
      from.on('close', () => this.sockets.delete(from));
      from.pipe(to);
    }
  }
}
