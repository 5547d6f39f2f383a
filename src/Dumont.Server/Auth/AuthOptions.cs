using System.ComponentModel.DataAnnotations;

namespace Dumont.Server.Auth;

/// <summary>What an operator decides about logins. Section <c>Auth</c>.</summary>
internal sealed class AuthOptions
{
    /// <summary>Whether anybody who reaches the server may make a user. The first user can always be made. Default true.</summary>
    public bool AllowRegistration { get; set; } = true;

    /// <summary>How long an access token is good. 1 to 15 minutes; default 15.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "00:15:00")]
    public TimeSpan AccessTokenLifetime { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>How long a session lasts without being refreshed. 1 hour to 90 days; default 30 days.</summary>
    [Range(typeof(TimeSpan), "01:00:00", "90.00:00:00")]
    public TimeSpan RefreshTokenLifetime { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Failed logins a minute to one account from one address, after which more are not looked at. Default 10.</summary>
    [Range(3, 1000)]
    public int FailuresPerAccountAndAddress { get; set; } = 10;

    /// <summary>Failed logins a minute from one address to any account. Default 100.</summary>
    [Range(3, 100_000)]
    public int FailuresPerAddress { get; set; } = 100;
}
