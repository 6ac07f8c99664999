CREATE TABLE `storage_backoff` (
	`place` text PRIMARY KEY NOT NULL,
	`strikes` integer NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `jobs` ADD `failing_since` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `boot` text;--> statement-breakpoint
ALTER TABLE `jobs` ADD `avoid_runner` text;--> statement-breakpoint
ALTER TABLE `webhook_endpoints` ADD `strikes` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `webhook_endpoints` ADD `paused_until` integer;--> statement-breakpoint
ALTER TABLE `webhook_endpoints` ADD `slow` integer DEFAULT false NOT NULL;