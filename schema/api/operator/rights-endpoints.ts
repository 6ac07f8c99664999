import { z } from "zod";
import { Id } from "../../ids.ts";
import { type Endpoint, MAX_BODY_BYTES } from "../endpoint.ts";
import {
  Denial,
  DenialList,
  DenialQuery,
  NewDenial,
  RemovedDenial,
  TakedownJobList,
  TakedownJobQuery,
} from "./denied.ts";
import { Erasure, ErasureList, ErasureListQuery, ErasureQuery } from "./erasure.ts";

const idParam = z.object({ id: Id });
const common = { auth: "admin", tag: "Operator" } as const;

/** Routes of the operator for the rights of others: what is not delivered, takedowns, and erasures of accounts. */
export const rightsEndpoints = {
  createDenial: {
    ...common,
    method: "POST",
    path: "/admin/denied",
    summary: "Deny a source: an address, a site, a channel, or a file by its hash",
    body: { schema: NewDenial, required: true, maxBytes: MAX_BODY_BYTES },
    responses: { 201: { description: "The denial", schema: Denial } },
    errors: ["invalid_request", "payload_too_large"],
  },
  listDenials: {
    ...common,
    method: "GET",
    path: "/admin/denied",
    summary: "List what is denied, newest first",
    query: DenialQuery,
    responses: { 200: { description: "A page of denials", schema: DenialList } },
    errors: ["invalid_request"],
  },
  getDenial: {
    ...common,
    method: "GET",
    path: "/admin/denied/{id}",
    summary: "Read a denial and the progress of its takedown",
    params: idParam,
    responses: { 200: { description: "The denial", schema: Denial } },
    errors: ["invalid_request", "not_found"],
  },
  removeDenial: {
    ...common,
    method: "DELETE",
    path: "/admin/denied/{id}",
    summary: "Allow a source again; a takedown that is running stops",
    params: idParam,
    responses: { 200: { description: "Removed", schema: RemovedDenial } },
    errors: ["invalid_request", "not_found"],
  },
  takeDown: {
    ...common,
    method: "POST",
    path: "/admin/denied/{id}/takedown",
    summary: "Stop the jobs of a denied source and delete what they delivered",
    params: idParam,
    responses: { 200: { description: "The denial with the progress so far", schema: Denial } },
    errors: ["invalid_request", "not_found"],
  },
  listTakedownJobs: {
    ...common,
    method: "GET",
    path: "/admin/denied/{id}/jobs",
    summary: "List the jobs that a takedown matched, and why files were kept",
    params: idParam,
    query: TakedownJobQuery,
    responses: { 200: { description: "A page of jobs", schema: TakedownJobList } },
    errors: ["invalid_request", "not_found"],
  },
  eraseAccount: {
    ...common,
    method: "DELETE",
    path: "/admin/accounts/{id}",
    summary: "Erase an account with everything that belongs to it; this cannot be undone",
    params: idParam,
    query: ErasureQuery,
    responses: { 202: { description: "The erasure, which continues after the response", schema: Erasure } },
    errors: ["invalid_request", "not_found"],
  },
  listErasures: {
    ...common,
    method: "GET",
    path: "/admin/erasures",
    summary: "List erasures of accounts, newest first",
    query: ErasureListQuery,
    responses: { 200: { description: "A page of erasures", schema: ErasureList } },
    errors: ["invalid_request"],
  },
  getErasure: {
    ...common,
    method: "GET",
    path: "/admin/erasures/{id}",
    summary: "Read the progress or the receipt of an erasure",
    params: idParam,
    responses: { 200: { description: "The erasure", schema: Erasure } },
    errors: ["invalid_request", "not_found"],
  },
} as const satisfies Record<string, Endpoint>;
