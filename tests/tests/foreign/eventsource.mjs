// Prints what the npm package `eventsource` hears, a line of JSON an event: node eventsource.mjs URL
import { EventSource } from 'eventsource';

const source = new EventSource(process.argv[2]);
source.onmessage = ({ lastEventId, data }) => console.log(JSON.stringify({ id: lastEventId, data }));
// A ticket opens one stream: the package's own reconnecting would be refused.
source.onerror = ({ message }) => {
  console.error(message);
  process.exit(1);
};
