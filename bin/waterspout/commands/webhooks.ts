import { DELIVERY_STATUSES, type WebhookDelivery } from "../../../schema/api/webhook.ts";
import { readChoice, readNumber } from "../arguments/values.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../failures/exit-codes.ts";
import { printList } from "../terminal/print-list.ts";
import { moment } from "../terminal/text.ts";

const DEFAULT_LIMIT = 20;

export const webhooks: Command = {
  summary: "List webhook deliveries, newest first",
  options: {
    job: { value: "JOB-ID", help: "Only deliveries about this job" },
    status: { value: DELIVERY_STATUSES.join("|"), help: "Only deliveries with this status" },
    limit: { value: "N", help: `Deliveries at most; default: ${DEFAULT_LIMIT}` },
  },
  examples: ["webhooks", "webhooks --status failed --json"],
  async run(args, { api, out, signal }) {
    const query = { job_id: args.text("job"), status: readChoice(args, "status", DELIVERY_STATUSES) };
    const limit = readNumber(args, "limit") ?? DEFAULT_LIMIT;
    await printList(api.each("listDeliveries", { query, signal }), limit, out, HEAD, row);
    return EXIT.ok;
  },
};

const HEAD = ["id", "created", "type", "status", "tries", "last response", "url"];
const row = (delivery: WebhookDelivery): string[] => [
  delivery.id,
  moment(delivery.created_at),
  delivery.type,
  delivery.status,
  `${delivery.attempts}`,
  `${delivery.last_status ?? delivery.last_error ?? ""}`,
  delivery.url,
];

export const webhooksReplay: Command = {
  summary: "Send an event again, with the same webhook-id",
  operands: ["<delivery id>"],
  examples: ["webhooks replay 01932c7e-8f5a-7c3e-9d41-0b6a2f8e5c17"],
  async run({ operands: [id = ""] }, { api, out, signal }) {
    const delivery = await api.replayDelivery({ params: { id }, signal });
    out.result(delivery, () => delivery.id);
    return EXIT.ok;
  },
};

export const webhooksEndpoints: Command = {
  summary: "List the addresses that events were sent to, and whether they work",
  examples: ["webhooks endpoints", "webhooks endpoints --json"],
  async run(_, { api, out, signal }) {
    const { endpoints } = await api.listWebhooks({ signal });
    const head = ["state", "last success", "last failure", "failing since", "url"];
    await printList(endpoints, Number.POSITIVE_INFINITY, out, head, (endpoint) => [
      endpoint.enabled ? "enabled" : "disabled",
      ...[endpoint.last_success_at, endpoint.last_failure_at, endpoint.failing_since].map(moment),
      endpoint.url,
    ]);
    return EXIT.ok;
  },
};

export const webhooksSecret: Command = {
  summary: "Print the secret that verifies webhook events",
  examples: ["webhooks secret > webhook.secret"],
  async run(_, { api, out, signal }) {
    const secret = await api.getWebhookSecret({ signal });
    out.result(secret, () => secret.webhook_signing_secret);
    return EXIT.ok;
  },
};

export const webhooksRotateSecret: Command = {
  summary: "Replace the secret that verifies webhook events, and print the new one",
  details: "For 24 hours, events also carry a signature with the former secret.",
  examples: ["webhooks rotate-secret > webhook.secret"],
  async run(_, { api, out, signal }) {
    const secret = await api.rotateWebhookSecret({ signal });
    out.result(secret, () => secret.webhook_signing_secret);
    return EXIT.ok;
  },
};
