// Suggested labels of a file on this machine. .NET 6 or newer.
using System;
using System.IO;
using System.Net.Http;
using System.Net.Http.Headers;

const string host = "HOST";
const string token = "TOKEN";
const string project = "PROJECT";

using var client = new HttpClient();
client.DefaultRequestHeaders.Add("X-Auth-token", token);
using var body = new ByteArrayContent(await File.ReadAllBytesAsync("photo.jpg"));
body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
using var response = await client.PostAsync(
    $"{host}/api/similarity-labels?project={project}&threshold=30&use-first=false&save=false", body);
Console.WriteLine(await response.Content.ReadAsStringAsync());
return response.IsSuccessStatusCode ? 0 : 1;
