CREATE TABLE `storage_backoff` (
	`place` text PRIMARY KEY NOT NULL,
	`strikes` integer NOT NULL,
	`until` integer NOT NULL
);
--> statement-breakpoint
ALTER TABLE `jobs` ADD `failing_since` integer;--> statement-breakpoint
ALTER TABLE `jobs` ADD `avoid_runner` text;