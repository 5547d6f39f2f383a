namespace Dumont.LocalCloud;

/// <summary>Everything that can be set on the local cloud. <c>Program</c> fills it; nothing else reads the environment.</summary>
internal sealed class LocalCloudOptions
{
    /// <summary>TCP port on 127.0.0.1; 0 takes a free one. 0 to 65535; default 8780.</summary>
    public int Port { get; set; } = 8780;

    /// <summary>TCP port of S3 on 127.0.0.1; 0 takes a free one, null the one after <see cref="Port"/>. 0 to 65535.</summary>
    public int? S3Port { get; set; }

    /// <summary>Folder that keeps machines, contracts and the account. Created with mode 0700.</summary>
    public string DataFolder { get; set; } = Path.Combine(".dumont", "localcloud");

    /// <summary>Seed of the market and of every random choice. Default 42.</summary>
    public int Seed { get; set; } = 42;

    /// <summary>Vast.ai API key that is accepted; null keeps the one of <c>account.json</c> or makes one.</summary>
    public string? VastApiKey { get; set; }

    /// <summary>Credit of a new account in US dollars. Default 1000.</summary>
    public decimal StartingCreditUsd { get; set; } = 1000;

    /// <summary>Port of sshd on every Compute Engine VM; null means 22 for root where that port is free, else 2222.</summary>
    public int? GcpSshPort { get; set; }

    /// <summary>Port of every VM's metadata server; null means 80 for root where that port is free, else 8880.</summary>
    public int? GcpMetadataPort { get; set; }

    /// <summary>Time from telling a Spot VM that it is preempted to ending it. 0 to 10 min; default 30 s.</summary>
    public TimeSpan PreemptionNotice { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Time from renting a machine to its running, at the least. 0 to 10 min; default 300 ms.</summary>
    public TimeSpan BootDelay { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Whether Vast.ai's minimum interval between calls to one endpoint is enforced. Default false.</summary>
    public bool RateLimits { get; set; }

    /// <summary>Polls of a log or command result that answer 404 before the text is there. Default 2.</summary>
    public int ResultPollsBeforeReady { get; set; } = 2;

    /// <summary>Lowest level that is logged, on standard error. Default Information.</summary>
    public LogLevel LogLevel { get; set; } = LogLevel.Information;

    /// <summary>The sentence that says what is wrong with these values, or null.</summary>
    public string? FindProblem() => this switch
    {
        { Port: < 0 or > 65535 } => $"port {Port} is not between 0 and 65535",
        { S3Port: < 0 or > 65535 } => $"S3 port {S3Port} is not between 0 and 65535",
        { S3Port: null, Port: 65535 } => "port 65535 leaves none behind it for S3; name one with --s3-port",
        { GcpSshPort: < 1 or > 65535 } => $"GCP SSH port {GcpSshPort} is not between 1 and 65535",
        { GcpMetadataPort: < 1 or > 65535 } => $"GCP metadata port {GcpMetadataPort} is not between 1 and 65535",
        { PreemptionNotice.Ticks: < 0 } => "preemption notice is negative",
        { PreemptionNotice.TotalMinutes: > 10 } => "preemption notice is above 10 minutes",
        { StartingCreditUsd: < 0 or > 1_000_000_000 } => $"starting credit {StartingCreditUsd} is not between 0 and 1,000,000,000 dollars",
        { BootDelay.Ticks: < 0 } => "boot delay is negative",
        { BootDelay.TotalMinutes: > 10 } => "boot delay is above 10 minutes",
        { DataFolder: "" } => "data folder is empty",
        { VastApiKey: "" } => "Vast API key is empty",
        { ResultPollsBeforeReady: < 0 or > 100 } => $"result polls {ResultPollsBeforeReady} is not between 0 and 100",
        _ => null,
    };
}
