import type { ComponentChild } from "preact";
import { href, type Route } from "../lib/route.ts";
import type { Session } from "../lib/session.ts";
import { useTexts } from "../texts/texts.ts";
import { Empty, Page } from "../ui/page.tsx";
import { BatchPage } from "./batch.tsx";
import { BatchesPage } from "./batches.tsx";
import { CookiesPage } from "./cookies.tsx";
import { CreatePage } from "./create/create.tsx";
import { JobPage } from "./jobs/job.tsx";
import { JobsPage } from "./jobs/jobs.tsx";
import { AccountPage } from "./operator/account.tsx";
import { AccountsPage } from "./operator/accounts.tsx";
import { AuditPage } from "./operator/audit.tsx";
import { ExitsPage } from "./operator/exits.tsx";
import { HealthPage } from "./operator/health.tsx";
import { RightsPage } from "./operator/rights.tsx";
import { OverviewPage } from "./overview.tsx";
import { StoragePage } from "./storage.tsx";
import { SubscriptionPage } from "./subscriptions/subscription.tsx";
import { SubscriptionsPage } from "./subscriptions/subscriptions.tsx";
import { UsagePage } from "./usage.tsx";
import { WebhooksPage } from "./webhooks.tsx";

/** The page of an address, if these credentials may see it. */
export function pageOf({ path, query }: Route, { hasKey, isOperator }: Session): ComponentChild {
  const [area, id = ""] = path;
  if (area === "operator") return isOperator ? operatorPage(path, query) : <MissingPage />;
  if (!hasKey) return area === undefined ? <HealthPage /> : <MissingPage />;
  switch (area) {
    case undefined:
      return <OverviewPage />;
    case "new":
      return <CreatePage key={query.get("url")} url={query.get("url") ?? ""} />;
    case "jobs":
      return id === "" ? <JobsPage query={query} /> : <JobPage key={id} id={id} />;
    case "batches":
      return id === "" ? <BatchesPage /> : <BatchPage key={id} id={id} />;
    case "subscriptions":
      return id === "" ? <SubscriptionsPage /> : <SubscriptionPage key={id} id={id} />;
    case "storage":
      return <StoragePage />;
    case "cookies":
      return <CookiesPage />;
    case "webhooks":
      return <WebhooksPage jobId={query.get("job") ?? ""} />;
    case "usage":
      return <UsagePage />;
    default:
      return <MissingPage />;
  }
}

function operatorPage([, page, id = ""]: readonly string[], query: URLSearchParams): ComponentChild {
  switch (page) {
    case "health":
      return <HealthPage />;
    case "accounts":
      return id === "" ? <AccountsPage /> : <AccountPage key={id} id={id} />;
    case "exits":
      return <ExitsPage />;
    case "rights":
      return <RightsPage />;
    case "audit":
      return <AuditPage accountId={query.get("account") ?? ""} />;
    default:
      return <MissingPage />;
  }
}

function MissingPage() {
  const texts = useTexts();
  return (
    <Page title={texts.product}>
      <Empty title={texts.notFound}>
        <a href={href("")}>{texts.toOverview}</a>
      </Empty>
    </Page>
  );
}
