CREATE TABLE `feed_leases` (
	`id` text PRIMARY KEY NOT NULL,
	`feed_id` text NOT NULL,
	`hub_url` text NOT NULL,
	`topic` text NOT NULL,
	`sealed_secret` text NOT NULL,
	`sealing_key_id` text NOT NULL,
	`status` text NOT NULL,
	`requested_at` integer NOT NULL,
	`expires_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `feed_leases_feed` ON `feed_leases` (`feed_id`,`expires_at`);--> statement-breakpoint
CREATE INDEX `feed_leases_expiry` ON `feed_leases` (`expires_at`);--> statement-breakpoint
CREATE INDEX `feed_leases_sealing` ON `feed_leases` (`sealing_key_id`);--> statement-breakpoint
CREATE TABLE `feeds` (
	`id` text PRIMARY KEY NOT NULL,
	`url_tag` text NOT NULL,
	`url` text NOT NULL,
	`sealed_url` text NOT NULL,
	`sealing_key_id` text NOT NULL,
	`kind` text,
	`title` text,
	`etag` text,
	`last_modified` text,
	`polled_at` integer,
	`next_poll_at` integer,
	`check_due_at` integer,
	`failing_since` integer,
	`last_error` text,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `feeds_url` ON `feeds` (`url_tag`);--> statement-breakpoint
CREATE INDEX `feeds_check` ON `feeds` (`check_due_at`) WHERE check_due_at is not null;--> statement-breakpoint
CREATE INDEX `feeds_sealing` ON `feeds` (`sealing_key_id`);--> statement-breakpoint
CREATE TABLE `subscription_entries` (
	`id` text PRIMARY KEY NOT NULL,
	`subscription_id` text NOT NULL,
	`account_id` text NOT NULL,
	`key` text NOT NULL,
	`status` text NOT NULL,
	`job_id` text NOT NULL,
	`position` integer NOT NULL,
	`url` text NOT NULL,
	`sealed_urls` text,
	`sealing_key_id` text,
	`media_url` text,
	`source_id` text,
	`title` text,
	`description` text,
	`channel` text,
	`published_at` integer,
	`duration` real,
	`live` text,
	`is_short` integer,
	`reason` text,
	`check_at` integer,
	`tries` integer DEFAULT 0 NOT NULL,
	`name_key` text,
	`episode` integer,
	`delivered_at` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `subscription_entries_key` ON `subscription_entries` (`subscription_id`,`key`);--> statement-breakpoint
CREATE INDEX `subscription_entries_list` ON `subscription_entries` (`subscription_id`,`id`);--> statement-breakpoint
CREATE INDEX `subscription_entries_status` ON `subscription_entries` (`subscription_id`,`status`,`position`);--> statement-breakpoint
CREATE INDEX `subscription_entries_job` ON `subscription_entries` (`job_id`);--> statement-breakpoint
CREATE INDEX `subscription_entries_name` ON `subscription_entries` (`subscription_id`,`name_key`) WHERE name_key is not null;--> statement-breakpoint
CREATE INDEX `subscription_entries_delivered` ON `subscription_entries` (`subscription_id`,`delivered_at`) WHERE delivered_at is not null;--> statement-breakpoint
CREATE INDEX `subscription_entries_sealing` ON `subscription_entries` (`sealing_key_id`) WHERE sealing_key_id is not null;--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`id` text PRIMARY KEY NOT NULL,
	`account_id` text NOT NULL,
	`key_id` text,
	`feed_id` text NOT NULL,
	`name` text,
	`status` text NOT NULL,
	`url` text NOT NULL,
	`sealed` text NOT NULL,
	`sealing_key_id` text NOT NULL,
	`job` text NOT NULL,
	`backfill` text NOT NULL,
	`filters` text NOT NULL,
	`schedule` text NOT NULL,
	`retention` text NOT NULL,
	`filename` text,
	`folder` text,
	`webhook_url` text,
	`sealed_webhook_url` text,
	`webhook_events` text,
	`primed_at` integer,
	`admit_due_at` integer,
	`sweep_due_at` integer,
	`failing_since` integer,
	`last_error` text,
	`episodes` integer DEFAULT 0 NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `subscriptions_account` ON `subscriptions` (`account_id`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_feed` ON `subscriptions` (`feed_id`,`status`,`id`);--> statement-breakpoint
CREATE INDEX `subscriptions_unprimed` ON `subscriptions` (`feed_id`) WHERE primed_at is null;--> statement-breakpoint
CREATE INDEX `subscriptions_admit` ON `subscriptions` (`admit_due_at`) WHERE admit_due_at is not null;--> statement-breakpoint
CREATE INDEX `subscriptions_sweep` ON `subscriptions` (`sweep_due_at`) WHERE sweep_due_at is not null;--> statement-breakpoint
CREATE INDEX `subscriptions_sealing` ON `subscriptions` (`sealing_key_id`);