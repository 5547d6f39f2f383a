using System.Globalization;

namespace Dumont.LocalCloud;

/// <summary>A setting that cannot be used; the message names it and its allowed values.</summary>
internal sealed class InvalidSettingException(string message) : Exception(message);

/// <summary>Reads <see cref="LocalCloudOptions"/> from environment variables and command-line arguments; an argument wins.</summary>
internal static class LocalCloudSettings
{
    public static LocalCloudOptions Read(IConfiguration configuration)
    {
        var options = new LocalCloudOptions();
        options.Port = Number(configuration, "port", "DUMONT_LOCALCLOUD_PORT") ?? options.Port;
        options.S3Port = Number(configuration, "s3-port", "DUMONT_S3_PORT");
        options.Seed = Number(configuration, "seed", "DUMONT_LOCALCLOUD_SEED") ?? options.Seed;
        options.GcpSshPort = Number(configuration, "gcp-ssh-port", "DUMONT_LOCALCLOUD_GCP_SSH_PORT");
        options.GcpMetadataPort = Number(configuration, "gcp-metadata-port", "DUMONT_LOCALCLOUD_GCP_METADATA_PORT");
        options.VastApiKey = Text(configuration, "key", "DUMONT_LOCALCLOUD_KEY");
        options.ResultPollsBeforeReady = Number(configuration, "result-polls", "DUMONT_LOCALCLOUD_RESULT_POLLS") ?? options.ResultPollsBeforeReady;
        options.DataFolder = Text(configuration, "data", "DUMONT_LOCALCLOUD_DATA")
            ?? Path.Combine(Text(configuration, "dumont-data", "DUMONT_DATA") ?? ".dumont", "localcloud");
        if (Number(configuration, "boot-delay-ms", "DUMONT_LOCALCLOUD_BOOT_DELAY_MS") is { } milliseconds)
        {
            options.BootDelay = TimeSpan.FromMilliseconds(milliseconds);
        }

        if (Number(configuration, "preemption-notice-ms", "DUMONT_LOCALCLOUD_PREEMPTION_NOTICE_MS") is { } notice)
        {
            options.PreemptionNotice = TimeSpan.FromMilliseconds(notice);
        }

        if (Text(configuration, "credit", "DUMONT_LOCALCLOUD_CREDIT_USD") is { } credit)
        {
            options.StartingCreditUsd = decimal.TryParse(credit, NumberStyles.Number, CultureInfo.InvariantCulture, out var usd)
                ? usd
                : throw new InvalidSettingException($"--credit '{credit}' is not an amount in US dollars");
        }

        if (Text(configuration, "rate-limits", "DUMONT_LOCALCLOUD_RATE_LIMITS") is { } limits)
        {
            options.RateLimits = bool.TryParse(limits, out var enforced)
                ? enforced
                : throw new InvalidSettingException($"--rate-limits '{limits}' is neither true nor false");
        }

        return options.FindProblem() is { } problem ? throw new InvalidSettingException(problem) : options;
    }

    private static string? Text(IConfiguration configuration, string argument, string variable) =>
        configuration[argument] ?? configuration[variable];

    private static int? Number(IConfiguration configuration, string argument, string variable) =>
        Text(configuration, argument, variable) switch
        {
            null => null,
            var text when int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var number) => number,
            var text => throw new InvalidSettingException($"--{argument} (or {variable}) '{text}' is not a whole number"),
        };
}
