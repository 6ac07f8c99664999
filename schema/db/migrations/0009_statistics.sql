CREATE TABLE `end_counts` (
	`site` text NOT NULL,
	`storage` text NOT NULL,
	`outcome` text NOT NULL,
	`jobs` integer NOT NULL,
	`bytes` integer NOT NULL,
	`seconds` real NOT NULL,
	`within_1` integer NOT NULL,
	`within_5` integer NOT NULL,
	`within_15` integer NOT NULL,
	`within_60` integer NOT NULL,
	`within_300` integer NOT NULL,
	`within_900` integer NOT NULL,
	`within_3600` integer NOT NULL,
	`within_14400` integer NOT NULL,
	`queue_ms` integer NOT NULL,
	`extract_ms` integer NOT NULL,
	`download_ms` integer NOT NULL,
	`mux_ms` integer NOT NULL,
	`upload_ms` integer NOT NULL,
	PRIMARY KEY(`site`, `storage`, `outcome`)
);
--> statement-breakpoint
CREATE TABLE `site_runs` (
	`period` integer NOT NULL,
	`site` text NOT NULL,
	`outcome` text NOT NULL,
	`runs` integer NOT NULL,
	PRIMARY KEY(`period`, `site`, `outcome`)
);
--> statement-breakpoint
ALTER TABLE `jobs` ADD `traceparent` text;