// An MCP server made with the TypeScript SDK's major version 1 that keeps its events: a client that loses a stream may come back for the
// rest of it. Its tool `relay` breaks its own stream off in the middle; `outlast` is for streams that others break off.
//
// Listens where PORT says, else anywhere, and then prints one line of JSON: its port.

import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

class Events {
    #all = [];

    async storeEvent(stream, message) {
        const id = `${stream}/${this.#all.length}`;
        this.#all.push({ id, stream, message });
        return id;
    }

    async getStreamIdForEventId(id) {
        return this.#all.find(event => event.id === id)?.stream;
    }

    async replayEventsAfter(last, { send }) {
        const at = this.#all.findIndex(event => event.id === last);
        const { stream } = this.#all[at];
        for (const event of this.#all.slice(at + 1)) {
            if (event.stream === stream) await send(event.id, event.message);
        }
        return stream;
    }
}

function resumable() {
    const server = new McpServer({ name: 'resumable', version: '1' }, { capabilities: { logging: {} } });
    const log = (extra, data) =>
        extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
    server.registerTool('relay', { description: 'Breaks its stream off, and answers.' }, async extra => {
        await log(extra, 'before');
        extra.closeSSEStream();
        await log(extra, 'meanwhile');
        // Long enough for some client to be back before the answer, short enough for others not to be.
        await sleep(100);
        return { content: [{ type: 'text', text: 'relayed' }] };
    });
    server.registerTool('outlast', { description: 'Says something, and answers later.' }, async extra => {
        await log(extra, 'before');
        await sleep(100);
        await log(extra, 'after');
        return { content: [{ type: 'text', text: 'outlasted' }] };
    });
    return server;
}

const sessions = new Map();
const web = createServer(async (request, response) => {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
        if (request.headers['mcp-session-id']) return response.writeHead(404).end();
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => void sessions.set(id, transport),
            onsessionclosed: id => void sessions.delete(id),
            eventStore: new Events(),
            retryInterval: 50,
        });
        await resumable().connect(transport);
    }
    await transport.handleRequest(request, response);
});
web.listen(process.env.PORT ?? 0, '127.0.0.1', () => process.stdout.write(JSON.stringify({ port: web.address().port }) + '\n'));
