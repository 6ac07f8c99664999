import { z } from "zod";
import { Id } from "../ids.ts";
import { type Endpoint, MAX_BODY_BYTES } from "./endpoint.ts";
import { SlackRemoved, SlackSaved, SlackSettings, SlackStatus } from "./slack.ts";
import {
  DeliveryList,
  DeliveryQuery,
  WebhookDelivery,
  WebhookDeliveryDetail,
  WebhookEndpoints,
  WebhookSecret,
} from "./webhook.ts";

/** Routes of an account's notifications: its webhooks and its Slack. */
export const webhookEndpoints = {
  listDeliveries: {
    method: "GET",
    path: "/webhooks/deliveries",
    auth: "key",
    tag: "Webhooks",
    summary: "List webhook deliveries, newest first; kept for 30 days",
    query: DeliveryQuery,
    responses: { 200: { description: "A page of deliveries", schema: DeliveryList } },
    errors: ["invalid_request"],
  },
  getDelivery: {
    method: "GET",
    path: "/webhooks/deliveries/{id}",
    auth: "key",
    tag: "Webhooks",
    summary: "Read a webhook delivery with its payload",
    params: z.object({ id: Id }),
    responses: { 200: { description: "The delivery", schema: WebhookDeliveryDetail } },
    errors: ["invalid_request", "not_found"],
  },
  replayDelivery: {
    method: "POST",
    path: "/webhooks/deliveries/{id}/replay",
    auth: "key",
    tag: "Webhooks",
    summary: "Send an event again with the same webhook-id, even to a disabled endpoint",
    params: z.object({ id: Id }),
    responses: { 201: { description: "The new delivery", schema: WebhookDelivery } },
    errors: ["invalid_request", "not_found"],
  },
  listWebhooks: {
    method: "GET",
    path: "/user/webhooks",
    auth: "key",
    tag: "Webhooks",
    summary:
      "List the endpoints that events were sent to; one that fails for five days without a success is disabled",
    responses: { 200: { description: "The addresses", schema: WebhookEndpoints } },
    errors: ["forbidden"],
  },
  getWebhookSecret: {
    method: "GET",
    path: "/user/webhook-secret",
    auth: "key",
    scope: "storage",
    tag: "Webhooks",
    summary: "Read the secret that verifies webhook events",
    responses: { 200: { description: "The secret", schema: WebhookSecret } },
    errors: ["forbidden"],
  },
  rotateWebhookSecret: {
    method: "POST",
    path: "/user/webhook-secret/rotate",
    auth: "key",
    scope: "storage",
    tag: "Webhooks",
    summary:
      "Rotate the secret; for 24 hours, webhook events also carry a Standard Webhooks signature of the former one",
    responses: { 200: { description: "The new secret", schema: WebhookSecret } },
    errors: ["forbidden"],
  },
  getSlack: {
    method: "GET",
    path: "/user/slack",
    auth: "key",
    scope: "storage",
    tag: "Webhooks",
    summary: "Read where job results are sent in Slack",
    responses: { 200: { description: "The settings", schema: SlackStatus } },
    errors: ["forbidden"],
  },
  saveSlack: {
    method: "POST",
    path: "/user/slack",
    auth: "key",
    scope: "storage",
    tag: "Webhooks",
    summary: "Send job results to Slack",
    body: { schema: SlackSettings, required: true, maxBytes: MAX_BODY_BYTES },
    responses: { 200: { description: "Saved", schema: SlackSaved } },
    errors: ["invalid_request", "payload_too_large", "forbidden"],
  },
  removeSlack: {
    method: "DELETE",
    path: "/user/slack",
    auth: "key",
    scope: "storage",
    tag: "Webhooks",
    summary: "Stop sending to Slack",
    responses: { 200: { description: "Removed", schema: SlackRemoved } },
    errors: ["forbidden"],
  },
} as const satisfies Record<string, Endpoint>;
