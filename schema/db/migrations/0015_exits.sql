CREATE TABLE `exit_health` (
	`site` text NOT NULL,
	`exit` text NOT NULL,
	`strikes` integer NOT NULL,
	`faults` integer NOT NULL,
	`until` integer NOT NULL,
	`probe_until` integer NOT NULL,
	`pace` real,
	`ceiling` real,
	`next_at` integer NOT NULL,
	`reason` text,
	`changed_at` integer NOT NULL,
	`told_open` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`version` integer NOT NULL,
	PRIMARY KEY(`site`, `exit`)
);
--> statement-breakpoint
CREATE INDEX `exit_health_updated` ON `exit_health` (`updated_at`);--> statement-breakpoint
CREATE TABLE `exits` (
	`name` text PRIMARY KEY NOT NULL,
	`sealed_url` text,
	`shown_url` text NOT NULL,
	`country` text,
	`cost_per_gb` real NOT NULL,
	`max_runs` integer,
	`enabled` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `exit_runs` (
	`period` integer NOT NULL,
	`site` text NOT NULL,
	`exit` text NOT NULL,
	`outcome` text NOT NULL,
	`runs` integer NOT NULL,
	`tries` integer NOT NULL,
	`last_at` integer NOT NULL,
	PRIMARY KEY(`period`, `site`, `exit`, `outcome`)
);
