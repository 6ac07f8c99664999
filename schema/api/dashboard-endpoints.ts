import {
  DashboardBatches,
  DashboardBatchesQuery,
  DashboardCluster,
  DashboardDaily,
  DashboardDailyQuery,
  DashboardJobs,
  DashboardJobsQuery,
  DashboardStats,
} from "./dashboard.ts";
import type { Endpoint } from "./endpoint.ts";

/** Routes that a console reads. */
export const dashboardEndpoints = {
  dashboardStats: {
    method: "GET",
    path: "/dashboard/stats",
    auth: "key",
    tag: "Dashboard",
    summary: "The account's jobs by status, with delivered bytes and durations",
    responses: { 200: { description: "The figures", schema: DashboardStats } },
    errors: ["not_found"],
  },
  dashboardJobs: {
    method: "GET",
    path: "/dashboard/jobs",
    auth: "key",
    tag: "Dashboard",
    summary: "List jobs in short form, newest first",
    query: DashboardJobsQuery,
    responses: { 200: { description: "A page of jobs", schema: DashboardJobs } },
    errors: ["invalid_request"],
  },
  dashboardBatches: {
    method: "GET",
    path: "/dashboard/batches",
    auth: "key",
    tag: "Dashboard",
    summary: "List batches with their counters, newest first",
    query: DashboardBatchesQuery,
    responses: { 200: { description: "A page of batches", schema: DashboardBatches } },
    errors: ["invalid_request"],
  },
  dashboardDaily: {
    method: "GET",
    path: "/dashboard/daily",
    auth: "key",
    tag: "Dashboard",
    summary: "Jobs that ended on each of the last days",
    query: DashboardDailyQuery,
    responses: { 200: { description: "The days", schema: DashboardDaily } },
    errors: ["invalid_request"],
  },
  dashboardCluster: {
    method: "GET",
    path: "/dashboard/cluster",
    auth: "key",
    tag: "Dashboard",
    summary: "What the account's jobs are doing now, and whether the processors are healthy",
    responses: { 200: { description: "The current state", schema: DashboardCluster } },
    errors: [],
  },
} as const satisfies Record<string, Endpoint>;
